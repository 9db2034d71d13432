//! Limits and layers of requests that both addresses of the devnet share.

use std::time::Duration;

use axum::{Router, http::StatusCode, middleware::from_fn, response::IntoResponse, routing::get};
use tower_http::cors::{Any, CorsLayer};

use crate::server::http::{
    observe::observe,
    request_body::{self, BodyTimeouts},
};

/// Longest body of a request: a batch of 200 transactions takes a quarter of it.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// Longest waits while a body arrives.
pub(super) const BODY_TIMEOUTS: BodyTimeouts =
    BodyTimeouts { part: Duration::from_secs(10), whole: Duration::from_secs(60) };

/// Time for which a browser may keep the answer to a preflight request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

/// Adds the layers of every request. Pages of any site may call a devnet, as they may call the real
/// network.
pub(super) fn finished(routes: Router) -> Router {
    let cors =
        CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any).max_age(PREFLIGHT_MAX_AGE);
    routes
        .route("/favicon.ico", get(|| async { StatusCode::OK.into_response() }))
        .layer(from_fn(request_body::refuse_encoded))
        .layer(cors)
        .layer(from_fn(observe))
}
