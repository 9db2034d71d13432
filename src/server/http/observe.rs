//! Middleware around every request: span, log line and metrics, and a response even if the code
//! panics.
//!
//! Bodies are not logged, and the request id is the only header that is.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tracing::{Instrument, debug, info_span};

use super::request_id;
use crate::{metrics::Metrics, server::error::ApiError};

/// Counts and times a request. This is the outermost middleware.
pub(crate) async fn measure(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "other",
    };
    let response = next.run(request).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    metrics.requests.observe(method, route, response.status().as_u16(), start.elapsed());
    response
}

/// Gives a request its id and span, logs its outcome, and answers with 500 if its code panics.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let id = request_id::of(request.headers());
    let shown = id.to_str().unwrap_or_default().to_owned();
    let span = info_span!("request", id = shown, method = %request.method(), path = request.uri().path());
    let start = Instant::now();
    let work = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
    let outcome = request_id::scope(shown.clone(), work).await;
    let mut response = outcome.unwrap_or_else(|_| {
        let panicked = || ApiError::internal("the request panicked").into_response();
        span.in_scope(|| request_id::sync_scope(shown, panicked))
    });
    let status = response.status().as_u16();
    let micros = start.elapsed().as_micros() as u64;
    span.in_scope(|| debug!(status, micros, "answered"));
    response.headers_mut().insert(request_id::HEADER, id);
    response
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
    async fn a_panic_is_answered_with_500_and_the_id_of_the_request() {
        let router = Router::new().route("/", routing::get(broken)).layer(from_fn(observe));
        let request = Request::get("/").header(request_id::HEADER, "mine").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[request_id::HEADER], "mine");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["request_id"], "mine");

        let too_long =
            Request::get("/").header(request_id::HEADER, "x".repeat(65)).body(Body::empty()).unwrap();
        let response = router.oneshot(too_long).await.unwrap();
        assert!(response.headers()[request_id::HEADER].len() < 65);
    }
}
