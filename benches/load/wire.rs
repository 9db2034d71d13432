//! One connection of a prover: kept alive, opened again when it is gone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;

/// Longest wait for an answer: far more than any takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Receive buffer of a slow reader, in bytes: the rest of an answer waits at the server.
const SLOW_BUFFER: u32 = 16 << 10;
/// Pause of a slow reader between two parts of an answer, and how many such pauses it makes at most.
const SLOW_PAUSE: Duration = Duration::from_millis(20);
const SLOW_PAUSES: u32 = 40;

/// See the module.
pub struct Wire {
    address: SocketAddr,
    credential: HeaderValue,
    host: HeaderValue,
    open: Option<SendRequest<Full<Bytes>>>,
    /// Connections that were found closed between requests.
    pub closed: u64,
}

/// An answer.
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
    /// From the first byte of the request to the last of the answer.
    pub took: Duration,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As fast as it comes.
    Fast,
    /// A little at a time, over a connection of its own.
    Slow,
}

impl Wire {
    /// Not connected yet.
    ///
    /// # Errors
    /// When the token cannot be a header.
    pub fn new(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            credential: HeaderValue::try_from(format!("Bearer {token}"))?,
            host: HeaderValue::try_from(address.to_string())?,
            open: None,
            closed: 0,
        })
    }

    /// Closes the connection.
    pub fn hang_up(&mut self) {
        self.open = None;
    }

    /// A request and its answer, whatever the status. After an error the connection is closed.
    ///
    /// # Errors
    /// When the connection breaks, or there is no answer for a minute.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
        reading: Reading,
    ) -> anyhow::Result<Reply> {
        if reading == Reading::Slow {
            self.hang_up();
        }
        let exchange = self.exchange(method, path, body.into(), reading);
        let reply = match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(anyhow::anyhow!("no answer within a minute")),
        };
        if reply.is_err() || reading == Reading::Slow {
            self.hang_up();
        }
        reply
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        reading: Reading,
    ) -> anyhow::Result<Reply> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.host.clone())
            .header(AUTHORIZATION, self.credential.clone())
            .body(Full::new(body))?;
        let begin = Instant::now();
        let sender = self.connected(reading).await?;
        let mut response = sender.send_request(request).await?;
        let status = response.status();
        let (mut body, mut pauses) = (BytesMut::new(), 0);
        while let Some(frame) = response.frame().await {
            if let Ok(part) = frame?.into_data() {
                body.extend_from_slice(&part);
            }
            if reading == Reading::Slow && pauses < SLOW_PAUSES {
                pauses += 1;
                tokio::time::sleep(SLOW_PAUSE).await;
            }
        }
        Ok(Reply { status, body: body.freeze(), took: begin.elapsed() })
    }

    /// The connection, ready for a request.
    async fn connected(&mut self, reading: Reading) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        if let Some(open) = &mut self.open
            && open.ready().await.is_err()
        {
            self.closed += 1;
            self.open = None;
        }
        if self.open.is_none() {
            let socket = TcpSocket::new_v4()?;
            if reading == Reading::Slow {
                socket.set_recv_buffer_size(SLOW_BUFFER)?;
            }
            let stream = socket.connect(self.address).await.context("connecting")?;
            stream.set_nodelay(true)?;
            let (open, connection) = handshake(TokioIo::new(stream)).await?;
            // Ends with its sender. What goes wrong on it shows at the request.
            tokio::spawn(connection);
            self.open = Some(open);
        }
        self.open.as_mut().context("a connection")
    }
}
