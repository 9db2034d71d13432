//! The id of a request: sent by the client or generated, in the log, in every response and in every
//! problem.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries the id, in requests and responses.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is accepted from a client, in bytes.
const MAX_BYTES: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// Returns the id of the request that the current task answers.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs a future with `id` as the current one.
pub(crate) async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// Runs a function with `id` as the current one.
pub(crate) fn sync_scope<T>(id: String, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id, work)
}

/// Returns the client's id if it is visible ASCII of acceptable length, else a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let acceptable = |id: &&HeaderValue| id.len() <= MAX_BYTES && !id.is_empty() && id.to_str().is_ok();
    if let Some(id) = headers.get(HEADER).filter(acceptable) {
        return id.clone();
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = HeaderValue::try_from(format!("{:x}-{number}", now.as_millis()));
    id.unwrap_or(HeaderValue::from_static("-"))
}
