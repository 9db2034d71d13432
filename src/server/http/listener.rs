//! The accept loop: serves a router over HTTP/1, plain or in TLS, with the limits that a router
//! cannot set.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    body::Incoming,
    header::{CONNECTION, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{delivery::Deliveries, receipt::Receipt, write_stall_timeout::WriteStallTimeout};
use crate::{config::Config, store::ProverConnection};

/// Longest head of a request, in bytes, including its first line; a longer one is answered with
/// 431, as are more than 100 header lines. The largest expected header is a token.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Time for a TLS handshake, which takes a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Delay after the system failed to accept a connection for lack of files or memory, so that the
/// loop does not spin.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Response header that tells clients how long an idle connection stays open.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Time by which clients that read [`KEEP_ALIVE`] should close an idle connection before the server
/// does, so that they send no request on one that is being closed.
const CLOSING_MARGIN: Duration = Duration::from_secs(5);

/// Time after the stop began in which idle connections are still served: a client that sent a
/// request on one could not know better.
const STOP_GRACE: Duration = Duration::from_millis(200);

/// Longest pause of a body that is received while the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Interval of checks of connections that are not finished while the server stops.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// The certificate and key of a listener, which can be replaced while it serves.
pub(crate) type TlsSource = watch::Receiver<TlsAcceptor>;

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenLimits {
    /// Time in which the head of a request must arrive; an idle connection is closed after the same
    /// time.
    pub header_read_timeout: Duration,
    /// Time that a peer may leave responses unread; see [`WriteStallTimeout`].
    pub stall_timeout: Duration,
    /// Maximum number of open connections; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Time that requests in progress get when the server stops: three quarters of the configured
    /// one, and the workers get the rest.
    pub shutdown_timeout: Duration,
}

impl From<&Config> for ListenLimits {
    fn from(config: &Config) -> Self {
        Self {
            header_read_timeout: config.idle_timeout,
            stall_timeout: config.stall_timeout,
            max_connections: config.max_connections,
            shutdown_timeout: config.shutdown_timeout.mul_f64(0.75),
        }
    }
}

/// Serves `router` until `shutdown` completes, then accepts no more connections, drops those
/// without a whole request, and lets requests in progress finish within the bound. Returns the
/// number of connections that had to be cut. `open` is kept at the number of open connections. With
/// `tls`, only TLS is accepted.
///
/// Handlers find the peer's address as [`ConnectInfo<SocketAddr>`], the connection as
/// [`Arc<ProverConnection>`], and its answers as [`Arc<Deliveries>`].
pub(crate) async fn serve_counted(
    listener: TcpListener,
    tls: Option<TlsSource>,
    router: Router,
    limits: ListenLimits,
    open: Gauge,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let (running, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {
                count(&open, &connections);
                continue;
            }
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let connection = Connection { peer, router: router.clone(), limits, stopped: stopped.clone() };
        let tls = tls.as_ref().map(|source| source.borrow().clone());
        connections.spawn(async move {
            if let Err(error) = connection.serve(stream, tls).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
            drop(permit);
        });
        count(&open, &connections);
    }
    drop((listener, running));
    let finished = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(limits.shutdown_timeout, finished).await;
    let cut = connections.len();
    connections.shutdown().await;
    count(&open, &connections);
    cut
}

#[cfg(any(test, feature = "testing"))]
/// Serves like [`serve_counted`], without a gauge.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsSource>,
    router: Router,
    limits: ListenLimits,
    shutdown: impl Future<Output = ()>,
) -> usize {
    serve_counted(listener, tls, router, limits, Gauge::default(), shutdown).await
}

fn count(open: &Gauge, connections: &JoinSet<()>) {
    open.set(i64::try_from(connections.len()).unwrap_or(i64::MAX));
}

/// Waits until another connection is permitted, then accepts one; `None` if the client is gone or
/// the system failed.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Responses are written whole; waiting to fill packets would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
            if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
            None
        }
    }
}

struct Connection {
    peer: SocketAddr,
    router: Router,
    limits: ListenLimits,
    /// Closed when the server stops.
    stopped: watch::Receiver<()>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, tls: Option<TlsAcceptor>) -> Result<(), ConnectionError> {
        let deliveries = Arc::<Deliveries>::default();
        let stream = WriteStallTimeout::new(stream, self.limits.stall_timeout, deliveries.clone());
        let Some(tls) = tls else { return self.http(stream, deliveries).await };
        let stream = tokio::select! {
            accepted = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => accepted.map_err(io::Error::other).flatten(),
            // No request is in progress.
            _ = self.stopped.changed() => return Ok(()),
        };
        self.http(stream.map_err(ConnectionError::Handshake)?, deliveries).await
    }

    async fn http<S>(self, stream: S, deliveries: Arc<Deliveries>) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { peer, router, limits, mut stopped } = self;
        let prover_connection = Arc::new(ProverConnection::default());
        let receipt = Receipt::default();
        let observed = receipt.clone();
        let stopping = stopped.clone();
        let keep_alive = keep_alive(limits.header_read_timeout);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(|body| observed.observe(body));
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(prover_connection.clone());
            deliveries.next_request();
            request.extensions_mut().insert(deliveries.clone());
            let answered = router.clone().oneshot(request);
            let (stopping, keep_alive) = (stopping.clone(), keep_alive.clone());
            async move {
                let mut response = answered.await?;
                if stopping.has_changed().is_err() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                } else if let Some(keep_alive) = keep_alive {
                    response.headers_mut().insert(KEEP_ALIVE, keep_alive);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read_timeout)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            // A WebSocket outlives the connection that it began as, and is not counted here.
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = &mut connection => return Ok(ended?),
            _ = stopped.changed() => {}
        }
        if let Ok(ended) = timeout(STOP_GRACE, &mut connection).await {
            return Ok(ended?);
        }
        connection.as_mut().graceful_shutdown();
        while !receipt.is_stalled(STOP_PATIENCE) {
            if let Ok(ended) = timeout(STOP_INTERVAL, &mut connection).await {
                return Ok(ended?);
            }
        }
        Ok(())
    }
}

/// Returns the value of [`KEEP_ALIVE`]; `None` if the timeout is too short for a margin.
fn keep_alive(idle_timeout: Duration) -> Option<HeaderValue> {
    let seconds = idle_timeout.checked_sub(CLOSING_MARGIN)?.as_secs();
    HeaderValue::try_from(format!("timeout={seconds}")).ok().filter(|_| seconds > 0)
}

/// Reason why a connection ended early, for the log.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use axum::{
        body::Bytes,
        middleware::from_fn,
        routing::{get, post},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
        task::JoinHandle,
    };

    use super::*;
    use crate::server::http::{bind::bind, observe::observe};

    const LIMITS: ListenLimits = ListenLimits {
        header_read_timeout: Duration::from_millis(300),
        stall_timeout: Duration::from_secs(5),
        max_connections: 2,
        shutdown_timeout: Duration::from_millis(300),
    };

    async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<usize>) {
        start_with(LIMITS).await
    }

    async fn start_with(limits: ListenLimits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<usize>) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route("/slow", get(|| async { tokio::time::sleep(Duration::from_millis(100)).await }))
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("on purpose")
                    }
                })
                .layer(from_fn(observe)),
            )
            .route("/body", post(|body: Bytes| async move { body.len().to_string() }))
            .route("/endless", get(|| async { std::future::pending::<()>().await }));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, None, router, limits, async { drop(stopped.await) }));
        (address, stop, server)
    }

    async fn send(address: SocketAddr, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Reads until the server closes the connection.
    async fn rest(mut stream: TcpStream) -> String {
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await.expect("connection stays open");
        text
    }

    #[tokio::test]
    async fn idle_and_slow_connections_are_closed() {
        let (address, _stop, _server) = start().await;
        let stream = send(address, "/peer").await;
        let ours = stream.local_addr().unwrap().to_string();
        let response = rest(stream).await;
        assert!(response.starts_with("HTTP/1.1 200") && response.contains(&ours), "{response}");

        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /peer HT").await.unwrap();
        assert!(!rest(slow).await.contains("200"));
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_500_and_the_connection_stays_open() {
        let (address, _stop, _server) = start().await;
        let mut stream = send(address, "/panic").await;
        stream.write_all(b"GET /peer HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
        let responses = rest(stream).await;
        let second = responses.rfind("HTTP/1.1 ").unwrap();
        assert!(
            responses.starts_with("HTTP/1.1 500") && responses[..second].contains("x-request-id: "),
            "{responses}"
        );
        assert!(
            responses[..second].contains("request_id") && responses[second..].starts_with("HTTP/1.1 200"),
            "{responses}"
        );
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait() {
        let (address, _stop, _server) = start().await;
        let idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut third = send(address, "/peer").await;
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(50), third.read(&mut byte)).await;
        assert!(early.is_err(), "served beyond the limit");
        drop(idle);
        assert!(rest(third).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_request_that_is_just_sent_when_the_server_stops_is_answered() {
        let (address, stop, server) = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        // The connection is idle now.
        stop.send(()).unwrap();
        // Every task learns of the stop.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        stream.write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let answers = rest(stream).await;
        let second = answers.rfind("HTTP/1.1 200").expect("the second answer");
        assert!(answers[second..].contains("connection: close"), "{answers}");
        assert_eq!(server.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn connections_without_a_whole_request_are_dropped_at_once_when_the_server_stops() {
        let limits = ListenLimits {
            header_read_timeout: Duration::from_secs(3600),
            shutdown_timeout: Duration::from_secs(3600),
            ..LIMITS
        };
        let (address, stop, server) = start_with(limits).await;
        let mut half_a_head = TcpStream::connect(address).await.unwrap();
        half_a_head.write_all(b"GET /peer HT").await.unwrap();
        let mut half_a_body = TcpStream::connect(address).await.unwrap();
        half_a_body.write_all(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n[").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        assert_eq!(server.await.unwrap(), 0, "none had to be cut");
        assert_eq!((rest(half_a_head).await, rest(half_a_body).await), (String::new(), String::new()));
    }

    #[tokio::test]
    async fn clients_are_told_to_close_idle_connections_before_the_server_does() {
        let limits = ListenLimits { header_read_timeout: Duration::from_secs(150), ..LIMITS };
        let (address, _stop, _server) = start_with(limits).await;
        let mut stream = send(address, "/peer").await;
        stream.write_all(b"GET /peer HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(rest(stream).await.contains("keep-alive: timeout=145"));
        assert!(keep_alive(Duration::from_secs(5)).is_none() && keep_alive(Duration::ZERO).is_none());
    }

    #[tokio::test]
    async fn stopping_lets_requests_finish_and_cuts_those_that_take_too_long() {
        let (address, stop, server) = start().await;
        let slow = send(address, "/slow").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        assert!(rest(slow).await.starts_with("HTTP/1.1 200"));
        assert_eq!(server.await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());

        let (address, stop, server) = start().await;
        let endless = send(address, "/endless").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        assert_eq!(server.await.unwrap(), 1);
        assert_eq!(rest(endless).await, "");
    }
}
