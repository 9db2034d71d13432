//! The received part of the current request of a connection, so that a server that stops can drop
//! the connections without a whole request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

/// The received part of a request. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Receipt(Arc<Mutex<Received>>);

#[derive(Clone, Copy, Default)]
enum Received {
    /// No head of a request so far.
    #[default]
    Nothing,
    /// A head and a part of its body, the last of it at that time.
    Part(Instant),
    /// A whole request, or as much of it as its handler needs.
    Whole,
}

impl Receipt {
    /// Returns the body of a request whose head has arrived; its progress is recorded here.
    pub(super) fn observe(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            self.set(Received::Whole);
            return Body::new(body);
        }
        self.set(Received::Part(Instant::now()));
        Body::new(ObservedBody { body, receipt: self.clone() })
    }

    /// Returns true if no request has arrived, or if the body of one has not continued for
    /// `patience`.
    pub(super) fn is_stalled(&self, patience: Duration) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Received::Nothing => true,
            Received::Part(at) => at.elapsed() >= patience,
            Received::Whole => false,
        }
    }

    fn set(&self, received: Received) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = received;
    }
}

struct ObservedBody {
    body: Incoming,
    receipt: Receipt,
}

impl hyper::body::Body for ObservedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if matches!(frame, Some(Ok(_))) {
            self.receipt.set(Received::Part(Instant::now()));
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

impl Drop for ObservedBody {
    fn drop(&mut self) {
        self.receipt.set(Received::Whole);
    }
}
