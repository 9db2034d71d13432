//! The admin listener: health, readiness, metrics, the dashboard, and the part of `/api/v1` that
//! operators need.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::State,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use utoipa_axum::routes;

use super::{
    blocks, operators,
    state::{Api, Limits},
    status,
};
use crate::{
    api::{
        paths,
        tokens::OperatorToken,
        views::{OperatorView, Readiness},
    },
    server::{
        dashboard,
        error::ApiError,
        explorer::Explorer,
        http::{
            auth::require_operator,
            concurrency_limit::{ConcurrencyLimit, limit_concurrency},
            observe::{measure, observe},
            same_site::require_same_site,
        },
        live::monitor::Monitor,
        metrics_exporter::{Exporter, metrics},
        openapi::{self, Listener},
    },
    workers::{Node, unready_reasons},
};

/// Returns the routes of the admin listener. If `loopback` is true, it is bound to the loopback
/// interface, and requests must name that interface. With `explorer`, the dashboard has the page
/// that explores a devnet.
pub fn router(
    node: Arc<Node>,
    monitor: Monitor,
    operator: Option<OperatorToken>,
    limits: Limits,
    loopback: bool,
    explorer: Option<Explorer>,
) -> Router {
    let measured = node.metrics().clone();
    let exporter = Arc::new(Exporter::new(node.clone(), monitor.clone()));
    let routes = api_routes(node.clone(), monitor, operator, limits);
    Router::new()
        .route(paths::METRICS, get(metrics).with_state(exporter))
        .route(paths::HEALTHZ, get(|| async { "alive" }))
        .route(paths::READYZ, get(ready))
        .with_state(node)
        .merge(dashboard::router(explorer.is_some()))
        .merge(explorer.map(Explorer::routes).unwrap_or_default())
        .merge(routes)
        .fallback(|| async { ApiError::UnknownRoute })
        .method_not_allowed_fallback(|| async { ApiError::WrongMethod })
        .layer(from_fn_with_state(loopback, require_same_site))
        .layer(from_fn(observe))
        .layer(from_fn_with_state(measured, measure))
}

/// Answers with 200 if the node is ready for work, else with 503 and the reasons.
async fn ready(State(node): State<Arc<Node>>) -> Response {
    let checked = tokio::task::spawn_blocking(move || unready_reasons(&node)).await;
    let reasons = checked.unwrap_or_else(|error| vec![format!("the check of the store failed: {error}")]);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reasons.is_empty(), reasons })).into_response()
}

/// Returns `/api/v1` of the admin listener: reading state needs no token; changes and the parts of
/// blocks need the operator's.
fn api_routes(node: Arc<Node>, monitor: Monitor, operator: Option<OperatorToken>, limits: Limits) -> Router {
    let Limits { bodies, timeouts, requests, wait } = limits;
    let monitor = monitor.of_listener();
    let enabled = operator.is_some();
    let limited = |requests| from_fn_with_state(ConcurrencyLimit::new(requests, wait), limit_concurrency);
    // The parts of a block take long to send, so that few requests for them leave the others alone.
    let downloads = operators::parts_of_blocks()
        .routes(routes!(blocks::bundle))
        .route_layer(limited(requests.operator.min(operators::MAX_BUNDLES)));
    let for_operators =
        operators::changes().merge(downloads).route_layer(from_fn_with_state(operator, require_operator));
    let described = operators::reads()
        .merge(for_operators)
        .routes(routes!(status::operator))
        .route_layer(limited(requests.operator));
    openapi::served(described, Listener::Admin)
        .layer(Extension(OperatorView { enabled }))
        .with_state(Arc::new(Api { node, monitor, limits: bodies, timeouts }))
}
