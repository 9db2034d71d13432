//! The accept loop: one router over HTTP/1, plain or in TLS, with the limits that a router cannot set.
//!
//! Bind first, serve later: the caller knows the port (also of port 0) and that it is free before anything else starts.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::paced::Paced;
use crate::config::Config;

/// Longest head of a request, in bytes, its first line included; a longer one is 431, as are more than 100 header lines. The largest
/// sensible header is a token.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Time for a TLS handshake, which is a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that wait in the system's queue. When it is full, the next ones are tried again after a second: with the 128 that are usual,
/// most of a few hundred provers that come back after a restart would wait for that.
const BACKLOG: u32 = 1024;

/// Pause after the system refused a connection for want of files or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenLimits {
    /// Time in which the head of a request must arrive; an idle connection is closed after it too.
    pub header_read_timeout: Duration,
    /// Time a peer may keep answers waiting without taking them; see [`Paced`].
    pub stall_timeout: Duration,
    /// Open connections at a time; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Time that requests under way get when the server stops.
    pub shutdown_timeout: Duration,
}

impl From<&Config> for ListenLimits {
    fn from(config: &Config) -> Self {
        Self {
            header_read_timeout: config.idle_timeout,
            stall_timeout: config.stall_timeout,
            max_connections: config.max_connections,
            shutdown_timeout: config.shutdown_timeout,
        }
    }
}

/// An address cannot be listened on. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{0} is taken by another process; stop that one, or choose another address")]
    Taken(SocketAddr),
    /// The system does not let this user listen there.
    #[error("no permission to listen on {0}; choose a port above 1023")]
    Forbidden(SocketAddr),
    /// No network interface has the address.
    #[error("this machine has no address {0}; choose one it has, such as 127.0.0.1")]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {cause}; choose another address")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        cause: io::Error,
    },
}

/// Opens the listener.
///
/// # Errors
/// See [`BindError`].
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(address),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(address),
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress(address),
        _ => BindError::Other { address, cause },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait until the system has forgotten the connections of the process before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `router` until `shutdown` completes; then takes no new connection and lets requests under way finish within
/// the bound. Gives the number of connections that had to be cut; `open` is the number of those that are open. With `tls` nothing but TLS is spoken.
///
/// Handlers find the peer's address as [`ConnectInfo<SocketAddr>`].
pub async fn serve_counted(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ListenLimits,
    open: Gauge,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
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
        let connection = Connection {
            peer,
            router: router.clone(),
            limits,
            watcher: graceful.watcher(),
            stopped: stopped.clone(),
        };
        let tls = tls.clone();
        connections.spawn(async move {
            if let Err(error) = connection.serve(stream, tls).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
            drop(permit);
        });
        count(&open, &connections);
    }
    drop((listener, running));
    let _ = timeout(limits.shutdown_timeout, graceful.shutdown()).await;
    while connections.try_join_next().is_some() {}
    let cut = connections.len();
    connections.shutdown().await;
    count(&open, &connections);
    cut
}

/// As [`serve_counted`], without the count.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ListenLimits,
    shutdown: impl Future<Output = ()>,
) -> usize {
    serve_counted(listener, tls, router, limits, Gauge::default(), shutdown).await
}

fn count(open: &Gauge, connections: &JoinSet<()>) {
    open.set(i64::try_from(connections.len()).unwrap_or(i64::MAX));
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting to fill packets would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
            if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
                tracing::warn!(%error, "cannot accept connections for now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

/// One connection: what it is served with, and how it learns of the end.
struct Connection {
    peer: SocketAddr,
    router: Router,
    limits: ListenLimits,
    watcher: Watcher,
    /// Fails when the server stops.
    stopped: watch::Receiver<()>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, tls: Option<TlsAcceptor>) -> Result<(), ConnectionError> {
        let stream = Paced::new(stream, self.limits.stall_timeout);
        let Some(tls) = tls else { return self.http(stream).await };
        let stream = tokio::select! {
            shaken = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => shaken.map_err(io::Error::other).flatten(),
            // Nothing was asked yet.
            _ = self.stopped.changed() => return Ok(()),
        };
        self.http(stream.map_err(ConnectionError::Handshake)?).await
    }

    async fn http<S>(self, stream: S) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { peer, router, limits, watcher, .. } = self;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read_timeout)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        Ok(watcher.watch(connection).await?)
    }
}

/// Why a connection ended early; for the log.
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
    use axum::{middleware::from_fn, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
        task::JoinHandle,
    };

    use super::*;
    use crate::server::observe::observe;

    const LIMITS: ListenLimits = ListenLimits {
        header_read_timeout: Duration::from_millis(300),
        stall_timeout: Duration::from_secs(5),
        max_connections: 2,
        shutdown_timeout: Duration::from_millis(300),
    };

    async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<usize>) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route("/nap", get(|| async { tokio::time::sleep(Duration::from_millis(100)).await }))
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("on purpose")
                    }
                })
                .layer(from_fn(observe)),
            )
            .route("/coma", get(|| async { std::future::pending::<()>().await }));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, None, router, LIMITS, async { drop(stopped.await) }));
        (address, stop, server)
    }

    async fn send(address: SocketAddr, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// All that comes until the server closes the connection.
    async fn rest(mut stream: TcpStream) -> String {
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await.expect("connection stays open");
        text
    }

    #[tokio::test]
    async fn serves_and_closes_idle_and_slow_connections() {
        let (address, _stop, _server) = start().await;
        let stream = send(address, "/peer").await;
        let ours = stream.local_addr().unwrap().to_string();
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&ours), "{answer}");

        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /peer HT").await.unwrap();
        assert!(!rest(slow).await.contains("200"));
    }

    #[tokio::test]
    async fn a_panic_is_a_500_and_the_connection_goes_on() {
        let (address, _stop, _server) = start().await;
        let mut stream = send(address, "/panic").await;
        stream.write_all(b"GET /peer HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
        let answers = rest(stream).await;
        let second = answers.rfind("HTTP/1.1 ").unwrap();
        assert!(
            answers.starts_with("HTTP/1.1 500") && answers[..second].contains("x-request-id: "),
            "{answers}"
        );
        assert!(
            answers[..second].contains("request_id") && answers[second..].starts_with("HTTP/1.1 200"),
            "{answers}"
        );
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait_their_turn() {
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
    async fn stopping_lets_requests_finish_and_cuts_those_that_do_not() {
        let (address, stop, server) = start().await;
        let nap = send(address, "/nap").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        assert!(rest(nap).await.starts_with("HTTP/1.1 200"));
        assert_eq!(server.await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());

        let (address, stop, server) = start().await;
        let coma = send(address, "/coma").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        assert_eq!(server.await.unwrap(), 1);
        assert_eq!(rest(coma).await, "");
    }

    #[tokio::test]
    async fn a_taken_port_is_said_so() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address).await.unwrap_err();
        assert!(matches!(error, BindError::Taken(_)), "{error}");
        assert!(bind("203.0.113.1:80".parse().unwrap()).await.is_err());
    }
}
