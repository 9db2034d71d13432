//! The dashboard: one page, its script and its style, compiled in. It shows what `/api/v1` of the admin listener tells.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// Nothing from anywhere else, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: (&str, &str) = ("text/html; charset=utf-8", include_str!("index.html"));
const SCRIPT: (&str, &str) = ("text/javascript; charset=utf-8", include_str!("app.js"));
const STYLE: (&str, &str) = ("text/css; charset=utf-8", include_str!("style.css"));

/// The routes of the page.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let asset = |asset| get(move || async move { answer(asset) });
    Router::new().route("/", asset(PAGE)).route("/app.js", asset(SCRIPT)).route("/style.css", asset(STYLE))
}

fn answer((content_type, text): (&'static str, &'static str)) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Asked for again after an upgrade of the server.
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
