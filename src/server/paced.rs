//! A connection whose peer has to take what is sent to it. Answers that nobody reads are given up, and hold nothing any more.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Duration, Instant, Sleep},
};

/// What a peer must take, in bytes, of an answer that is ready for it, each time it has kept the server waiting for the timeout.
/// Any line is faster; a system passes on a few hundred kilobytes before it says that a peer does not read.
pub const MIN_TAKEN: usize = 64 << 10;

/// A TCP stream that fails with [`io::ErrorKind::TimedOut`] once the time spent waiting for its peer to read has come to the
/// timeout, and the peer took less than [`MIN_TAKEN`] meanwhile. Time in which there was nothing to send does not count.
pub struct Paced {
    stream: TcpStream,
    timeout: Duration,
    /// How much longer the peer may keep the server waiting in this period.
    left: Duration,
    /// What the peer took in this period.
    taken: usize,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl Waiting {
    fn of(left: Duration) -> Self {
        Self { since: Instant::now(), end: Box::pin(tokio::time::sleep(left)) }
    }
}

impl Paced {
    /// Gives the peer of a stream so much time.
    pub fn new(stream: TcpStream, timeout: Duration) -> Self {
        Self { stream, timeout, left: timeout, taken: 0, waiting: None }
    }

    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = outcome {
            if let Some(waiting) = self.waiting.take() {
                self.left = self.left.saturating_sub(waiting.since.elapsed());
            }
            self.taken = self.taken.saturating_add(*outcome.as_ref().unwrap_or(&0));
            return Poll::Ready(outcome);
        }
        loop {
            let left = self.left;
            ready!(self.waiting.get_or_insert_with(|| Waiting::of(left)).end.as_mut().poll(cx));
            if self.taken < MIN_TAKEN {
                // Without it the system would keep what was not taken, and go on offering it.
                let _ = self.stream.set_zero_linger();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            (self.taken, self.left, self.waiting) = (0, self.timeout, None);
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Paced {
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

    async fn pair() -> (Paced, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Paced::new(listener.accept().await.unwrap().0, TIMEOUT), peer)
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up_and_its_connection_reset() {
        let (mut ours, mut peer) = pair().await;
        let error = ours.write_all(&vec![1; ANSWER]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(ours);
        let error = peer.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_peer_that_reads_a_little_now_and_then_is_given_up() {
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
    async fn a_slow_peer_that_goes_on_gets_everything_and_silence_between_answers_costs_nothing() {
        let (mut ours, mut peer) = pair().await;
        let reading = tokio::spawn(async move {
            let (mut part, mut all) = (vec![0; 2 << 20], 0);
            while all < 2 * ANSWER {
                // In all several times the timeout.
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
