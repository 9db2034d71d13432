//! The dashboard: a page, its scripts and its style, compiled in. It shows `/api/v1` of the admin
//! listener. If a devnet runs, a second page explores its blocks, transactions and accounts.
//!
//! | script | part of the page |
//! | --- | --- |
//! | `app.js` | events, requests, progress, chain, tables |
//! | `state.js` | the state in words |
//! | `lanes.js`, `attempts.js` | provers over time |
//! | `panel.js` | one block |
//! | `charts.js` | rates and queue |
//! | `common.js` | helpers of all |
//! | `explorer.js` | the second page |

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

const SCRIPTS: [(&str, &str); 7] = [
    ("/app.js", include_str!("app.js")),
    ("/attempts.js", include_str!("attempts.js")),
    ("/charts.js", include_str!("charts.js")),
    ("/common.js", include_str!("common.js")),
    ("/lanes.js", include_str!("lanes.js")),
    ("/panel.js", include_str!("panel.js")),
    ("/state.js", include_str!("state.js")),
];

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
    let mut routes = Router::new()
        .route("/", asset(HTML, &page))
        .route("/style.css", asset(CSS, include_str!("style.css")));
    for (path, script) in SCRIPTS {
        routes = routes.route(path, asset(JAVASCRIPT, script));
    }
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
