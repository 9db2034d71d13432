//! The stream of server-sent events: one event for each change of the status.

use std::{sync::Arc, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::api::views::Status;

/// Time without an event after which a comment is sent, so that the client can tell that the stream
/// is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The header by which a proxy is asked not to buffer a response.
const UNBUFFERED: [(&str, &str); 1] = [("x-accel-buffering", "no")];

/// A subscription to the changes of the status; `None` before the first one.
pub struct Subscription {
    changes: watch::Receiver<Option<Arc<Status>>>,
    first: Option<Arc<Status>>,
    _permit: OwnedSemaphorePermit,
}

impl Subscription {
    /// Subscribes to the changes from now on; `permit` is held until the stream ends.
    pub fn new(mut changes: watch::Receiver<Option<Arc<Status>>>, permit: OwnedSemaphorePermit) -> Self {
        changes.mark_unchanged();
        Self { changes, first: None, _permit: permit }
    }

    /// Returns the stream that begins with `now` and continues with every change. `now` must be
    /// read after the subscription, so that no change is missed in between.
    pub fn into_response(mut self, now: Status) -> Response {
        self.first = Some(Arc::new(now));
        let events = stream::unfold(self, |mut subscription| async move {
            let status = subscription.next().await?;
            Some((Event::default().event("change").json_data(&*status), subscription))
        });
        let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
        // Proxies such as nginx would collect the events before they pass them on.
        (UNBUFFERED, stream).into_response()
    }

    async fn next(&mut self) -> Option<Arc<Status>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            self.changes.changed().await.ok()?;
            if let Some(status) = self.changes.borrow_and_update().clone() {
                return Some(status);
            }
        }
    }
}
