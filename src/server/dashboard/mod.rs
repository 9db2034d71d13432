//! The dashboard: a page, its script and its style, compiled in. It shows `/api/v1` of the admin
//! listener.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// Forbids resources of other origins, and embedding in frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: (&str, &str) = ("text/html; charset=utf-8", include_str!("index.html"));
const SCRIPT: (&str, &str) = ("text/javascript; charset=utf-8", include_str!("app.js"));
const STYLE: (&str, &str) = ("text/css; charset=utf-8", include_str!("style.css"));

/// Returns the routes of the dashboard.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let asset = |asset| get(move || async move { response(asset) });
    Router::new().route("/", asset(PAGE)).route("/app.js", asset(SCRIPT)).route("/style.css", asset(STYLE))
}

fn response((content_type, text): (&'static str, &'static str)) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Revalidated, so that an upgrade of the server takes effect at once.
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
