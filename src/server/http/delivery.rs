//! Detection of answers that do not reach their clients, as far as a server can tell.
//!
//! An answer counts as cut if its body was dropped before its end, or if the connection failed
//! before the next request came over it: a client that closes a connection with unread data resets
//! it. The end of a body only means that the system has taken the last bytes: a proxy, or a client
//! that reads everything and dies, is not noticed here.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::{body::Body, http::header, response::Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// An answer on its way. Unless it is [`done`](Self::done), dropping it reports that it was cut.
pub(crate) struct Delivery {
    cut: Option<Box<dyn FnOnce() + Send>>,
}

impl Delivery {
    /// Returns a delivery that calls `cut` if the answer does not reach its client. It is called on
    /// a thread that may block.
    pub(crate) fn new(cut: impl FnOnce() + Send + 'static) -> Self {
        Self { cut: Some(Box::new(cut)) }
    }

    fn done(mut self) {
        self.cut = None;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(cut) = self.cut.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(cut)),
            Err(_) => cut(),
        }
    }
}

/// The answers of a connection whose last bytes the system has taken.
#[derive(Default)]
pub(crate) struct Deliveries {
    failed: AtomicBool,
    sent: Mutex<Vec<Delivery>>,
}

impl Deliveries {
    /// Records that reading from the connection, or writing to it, failed.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Records that another request arrived: the client has read the answers before.
    pub(crate) fn next_request(&self) {
        std::mem::take(&mut *self.lock()).into_iter().for_each(Delivery::done);
    }

    fn sent(&self, delivery: Delivery) {
        self.lock().push(delivery);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        if !self.failed.load(Ordering::SeqCst) {
            self.next_request();
        }
    }
}

/// Returns a response whose delivery is watched.
pub(crate) fn watched(
    response: Response,
    delivery: Delivery,
    connection: Option<Arc<Deliveries>>,
) -> Response {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let left = length.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    response.map(|body| Body::new(WatchedBody { body, left, delivery: Some(delivery), connection }))
}

struct WatchedBody {
    body: Body,
    /// Number of bytes until the end, if it is known; the end is not polled for then.
    left: Option<u64>,
    delivery: Option<Delivery>,
    connection: Option<Arc<Deliveries>>,
}

impl WatchedBody {
    fn end(&mut self) {
        match (self.delivery.take(), &self.connection) {
            (Some(delivery), Some(connection)) => connection.sent(delivery),
            (Some(delivery), None) => delivery.done(),
            (None, _) => {}
        }
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.end(),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.left = self.left.map(|left| left.saturating_sub(bytes));
                if self.left == Some(0) {
                    self.end();
                }
            }
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use axum::response::IntoResponse;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    /// Returns a response in two parts, and a flag that is set once it is cut.
    fn response(length: bool, connection: Option<Arc<Deliveries>>) -> (Response, Arc<AtomicBool>) {
        let cut = Arc::new(AtomicBool::new(false));
        let theirs = cut.clone();
        let delivery = Delivery::new(move || theirs.store(true, Ordering::SeqCst));
        let parts = stream::iter([Ok::<_, std::io::Error>("ab"), Ok("cd")]);
        let mut response = Body::from_stream(parts).into_response();
        if length {
            response.headers_mut().insert(header::CONTENT_LENGTH, 4.into());
        }
        (watched(response, delivery, connection), cut)
    }

    async fn is_cut(cut: &AtomicBool) -> bool {
        // Everything that was spawned before has run after this.
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        cut.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_body_that_is_dropped_before_its_end_is_cut() {
        for length in [false, true] {
            let (response, cut) = response(length, None);
            let mut parts = response.into_body().into_data_stream();
            parts.next().await.unwrap().unwrap();
            drop(parts);
            while !is_cut(&cut).await {}
        }
    }

    #[tokio::test]
    async fn a_body_with_a_length_ends_with_its_last_byte() {
        let (response, cut) = response(true, None);
        let mut parts = response.into_body().into_data_stream();
        for _ in 0..2 {
            parts.next().await.unwrap().unwrap();
        }
        drop(parts);
        assert!(!is_cut(&cut).await);
        let (response, cut) = self::response(false, None);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "abcd");
        assert!(!is_cut(&cut).await);
    }

    #[tokio::test]
    async fn the_last_answer_of_a_connection_that_fails_is_cut() {
        let send = async |connection: &Arc<Deliveries>| {
            let (response, cut) = response(true, Some(connection.clone()));
            response.into_body().collect().await.unwrap();
            cut
        };
        let connection = Arc::new(Deliveries::default());
        let first = send(&connection).await;
        connection.next_request();
        let second = send(&connection).await;
        connection.fail();
        drop(connection);
        while !is_cut(&second).await {}
        assert!(!first.load(Ordering::SeqCst));
        let connection = Arc::new(Deliveries::default());
        let cut = send(&connection).await;
        drop(connection);
        assert!(!is_cut(&cut).await);
    }
}
