//! The admin listener: whether the process lives, whether it is fit for work, what it measures, and what operators read, as JSON and as a
//! page, without a token. What they do needs the operator's.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    dashboard,
    error::ApiError,
    guard::own_site,
    metrics::{self, Exporter},
    monitor::Monitor,
    observe::observe,
    routes::{self, Limits},
};
use crate::{
    api::{paths, tokens::OperatorToken, views::Readiness},
    workers::Node,
};

/// The routes of the admin listener.
///
/// With `loopback` it is asked under the names of this machine only.
pub fn router(
    node: Arc<Node>,
    monitor: Monitor,
    operator: Option<OperatorToken>,
    limits: Limits,
    loopback: bool,
) -> Router {
    let measured = node.store().metrics().clone();
    let exporter = Arc::new(Exporter::new(node.clone(), monitor.clone()));
    let routes = routes::admin_routes(node.clone(), monitor, operator, limits);
    Router::new()
        .route(paths::METRICS, get(metrics::metrics).with_state(exporter))
        .route(paths::HEALTHZ, get(|| async { "alive" }))
        .route(paths::READYZ, get(ready))
        .with_state(node)
        .merge(dashboard::router())
        .merge(routes)
        .fallback(|| async { ApiError::UnknownRoute })
        .method_not_allowed_fallback(|| async { ApiError::WrongMethod })
        .layer(from_fn_with_state(loopback, own_site))
        .layer(from_fn(observe))
        .layer(from_fn_with_state(measured, metrics::measure))
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    let checked = tokio::task::spawn_blocking(move || reasons(&node)).await;
    let reasons = checked.unwrap_or_else(|error| vec![format!("the check failed: {error}")]);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reasons.is_empty(), reasons })).into_response()
}

/// Why the node is not fit for work.
fn reasons(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    if node.has_failed() {
        reasons.push("a worker thread died".to_owned());
    } else if node.wakeup().is_stopping() {
        reasons.push("the server is stopping".to_owned());
    }
    if let Err(error) = node.store().head() {
        reasons.push(format!("the store cannot be read: {error}"));
    }
    reasons.extend(node.store().check_space().err().map(|error| error.to_string()));
    reasons
}
