//! The dashboard: a page, its script and its style, compiled in. It shows `/api/v1` of the admin
//! listener. If a devnet runs, a second page explores its blocks, transactions and accounts.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;

/// Forbids resources of other origins, and embedding in frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// The place in the page where the link to the explorer is shown.
const EXPLORER_LINK: &str = "<!-- explorer -->";

/// Returns the routes of the dashboard; `explorer` adds the page for devnets.
pub(super) fn router<S: Clone + Send + Sync + 'static>(explorer: bool) -> Router<S> {
    let asset = |content_type, text: &str| {
        let text = Bytes::copy_from_slice(text.as_bytes());
        get(move || async move { response(content_type, text) })
    };
    let link = if explorer { r#"<nav><a href="explorer">Explorer</a></nav>"# } else { "" };
    let page = include_str!("index.html").replace(EXPLORER_LINK, link);
    let routes = Router::new()
        .route("/", asset(HTML, &page))
        .route("/app.js", asset(JAVASCRIPT, include_str!("app.js")))
        .route("/style.css", asset(CSS, include_str!("style.css")));
    if !explorer {
        return routes;
    }
    routes
        .route("/explorer", asset(HTML, include_str!("explorer.html")))
        .route("/explorer.js", asset(JAVASCRIPT, include_str!("explorer.js")))
}

fn response(content_type: &'static str, text: Bytes) -> Response {
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
