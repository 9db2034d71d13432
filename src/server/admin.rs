//! The admin listener: whether the process lives, and whether it is fit for work, and what it measures. No token.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::{
    dashboard,
    error::ApiError,
    metrics::{self, Exporter},
    observe::observe,
};
use crate::workers::Node;

/// The routes of the admin listener.
pub fn router(node: Arc<Node>) -> Router {
    let measured = node.store().metrics().clone();
    let exporter = Arc::new(Exporter::new(node.clone()));
    Router::new()
        .route("/metrics", get(metrics::metrics).with_state(exporter))
        .route("/healthz", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .merge(dashboard::router())
        .fallback(|| async { ApiError::UnknownRoute })
        .method_not_allowed_fallback(|| async { ApiError::WrongMethod })
        .layer(from_fn(observe))
        .layer(from_fn_with_state(measured, metrics::measure))
        .with_state(node)
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    let checked = tokio::task::spawn_blocking(move || (reasons(&node), warnings(&node))).await;
    let (reasons, warnings) =
        checked.unwrap_or_else(|error| (vec![format!("the check failed: {error}")], Vec::new()));
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": reasons.is_empty(), "reasons": reasons, "warnings": warnings})))
        .into_response()
}

/// What an operator should know of a node that is fit for work. Short space is no reason to send no more requests here: proofs would
/// not arrive, for which the rest of the space is kept.
fn warnings(node: &Node) -> Vec<String> {
    node.store().check_space().err().iter().map(ToString::to_string).collect()
}

/// Why the node is not fit for work.
fn reasons(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    if node.has_failed() {
        reasons.push("a worker thread died".to_owned());
    } else if node.bell().is_stopping() {
        reasons.push("the server is stopping".to_owned());
    }
    if let Err(error) = node.store().head() {
        reasons.push(format!("the store cannot be read: {error}"));
    }
    reasons
}
