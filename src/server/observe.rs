//! Around every request: an id, a span, a log line, and an answer even if the code panics. No body and no header is
//! logged but the id.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tracing::{Instrument, debug, info_span};

use super::error::ApiError;

/// Carries the id of a request, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a client, in bytes.
const MAX_ID: usize = 64;

tokio::task_local! {
    static ID: String;
}

/// The id of the request that is being answered.
pub fn current_id() -> Option<String> {
    ID.try_with(Clone::clone).ok()
}

/// Middleware: see the module.
pub async fn observe(request: Request, next: Next) -> Response {
    let id = id_of(request.headers());
    let shown = id.to_str().unwrap_or_default();
    let span = info_span!("request", id = shown, method = %request.method(), path = request.uri().path());
    let start = Instant::now();
    let work = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
    let answer = ID.scope(shown.to_owned(), work).await;
    let mut response = answer.unwrap_or_else(|_| {
        let answer = || ApiError::internal("the request panicked").into_response();
        span.in_scope(|| ID.sync_scope(shown.to_owned(), answer))
    });
    let (status, micros) = (response.status().as_u16(), start.elapsed().as_micros() as u64);
    span.in_scope(|| debug!(status, micros, "answered"));
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The client's id if it has one of sensible form, else a new one.
fn id_of(headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let sensible = |id: &&HeaderValue| id.len() <= MAX_ID && !id.is_empty() && id.to_str().is_ok();
    if let Some(id) = headers.get(REQUEST_ID).filter(sensible) {
        return id.clone();
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = HeaderValue::try_from(format!("{:x}-{number}", now.as_millis()));
    id.unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use axum::{Router, body::Body, http::StatusCode, middleware::from_fn, routing};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn broken() -> StatusCode {
        panic!("on purpose")
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_with_the_id_of_the_request() {
        let router = Router::new().route("/", routing::get(broken)).layer(from_fn(observe));
        let request = Request::get("/").header(REQUEST_ID, "mine").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[REQUEST_ID], "mine");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["request_id"], "mine");

        let too_long = Request::get("/").header(REQUEST_ID, "x".repeat(65)).body(Body::empty()).unwrap();
        let response = router.oneshot(too_long).await.unwrap();
        assert!(response.headers()[REQUEST_ID].len() < 65);
    }
}
