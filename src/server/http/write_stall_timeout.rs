//! A timeout for peers that do not read their responses, so that these do not hold memory and files
//! forever.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Duration, Instant, Sleep},
};

use super::delivery::Deliveries;

/// Bytes that a peer must accept of a pending response in each period of the timeout. Any usable
/// network is faster; the system buffers a few hundred kilobytes before writes block.
pub(crate) const MIN_BYTES: usize = 64 << 10;

/// A TCP stream whose writes fail with [`io::ErrorKind::TimedOut`] if they were blocked for the
/// timeout in total and the peer accepted less than [`MIN_BYTES`] in that period. Time with nothing
/// to send does not count.
///
/// Failures of the connection are recorded for its answers.
pub(crate) struct WriteStallTimeout {
    stream: TcpStream,
    deliveries: Arc<Deliveries>,
    timeout: Duration,
    /// Remaining time that writes may be blocked in this period.
    left: Duration,
    /// Bytes that the peer accepted in this period.
    accepted: usize,
    blocked: Option<Blocked>,
}

/// A write that is blocked.
struct Blocked {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl Blocked {
    fn until(left: Duration) -> Self {
        Self { since: Instant::now(), end: Box::pin(tokio::time::sleep(left)) }
    }
}

impl WriteStallTimeout {
    pub(crate) fn new(stream: TcpStream, timeout: Duration, deliveries: Arc<Deliveries>) -> Self {
        Self { stream, deliveries, timeout, left: timeout, accepted: 0, blocked: None }
    }

    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let outcome = self.within_timeout(cx, outcome);
        if matches!(outcome, Poll::Ready(Err(_))) {
            self.deliveries.fail();
        }
        outcome
    }

    fn within_timeout(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = outcome {
            if let Some(blocked) = self.blocked.take() {
                self.left = self.left.saturating_sub(blocked.since.elapsed());
            }
            self.accepted = self.accepted.saturating_add(*outcome.as_ref().unwrap_or(&0));
            return Poll::Ready(outcome);
        }
        loop {
            let left = self.left;
            ready!(self.blocked.get_or_insert_with(|| Blocked::until(left)).end.as_mut().poll(cx));
            if self.accepted < MIN_BYTES {
                // Otherwise the system would keep the unsent bytes and retransmit them.
                let _ = self.stream.set_zero_linger();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.accepted = 0;
            self.left = self.timeout;
            self.blocked = None;
        }
    }
}

impl AsyncRead for WriteStallTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if matches!(read, Poll::Ready(Err(_))) {
            self.deliveries.fail();
        }
        read
    }
}

impl AsyncWrite for WriteStallTimeout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(200);
    const ANSWER: usize = 32 << 20;

    async fn pair() -> (WriteStallTimeout, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (WriteStallTimeout::new(stream, TIMEOUT, Arc::default()), peer)
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_times_out_and_its_connection_is_reset() {
        let (mut ours, mut peer) = pair().await;
        let error = ours.write_all(&vec![1; ANSWER]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(ours);
        let error = peer.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_peer_that_reads_a_few_bytes_now_and_then_times_out() {
        let (mut ours, mut peer) = pair().await;
        let writing = tokio::spawn(async move { ours.write_all(&vec![1; ANSWER]).await });
        let mut byte = [0];
        while !writing.is_finished() {
            // Fails once the server has reset the connection.
            let _ = peer.read_exact(&mut byte).await;
            tokio::time::sleep(TIMEOUT / 20).await;
        }
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_slow_peer_gets_everything_and_idle_time_between_responses_does_not_count() {
        let (mut ours, mut peer) = pair().await;
        let reading = tokio::spawn(async move {
            let (mut part, mut all) = (vec![0; 2 << 20], 0);
            while all < 2 * ANSWER {
                // Several times the timeout in total.
                tokio::time::sleep(TIMEOUT / 4).await;
                all += peer.read_exact(&mut part).await.unwrap();
            }
        });
        for _ in 0..2 {
            ours.write_all(&vec![1; ANSWER]).await.unwrap();
            tokio::time::sleep(2 * TIMEOUT).await;
        }
        reading.await.unwrap();
    }
}
