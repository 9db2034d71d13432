//! The main listener: the prover protocol (docs/protocol/06-server.md §5), and `/api/v1` for
//! imports and operators.

use std::sync::Arc;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    aggregated, backup, blocks, import, jobs, operators, prover, rejected,
    state::{Api, Limits},
};
use crate::{
    api::{paths, tokens::Authenticator},
    server::{
        error::ApiError,
        http::{
            auth::require_token,
            concurrency_limit::{ConcurrencyLimit, limit_concurrency},
            observe::{measure, observe},
            request_body,
        },
        live::monitor::Monitor,
        openapi::{self, Listener},
    },
    workers::Node,
};

/// Returns the routes of the main listener. All require a bearer token: 401 precedes 404, 405 and
/// 400.
pub fn router(node: Arc<Node>, monitor: Monitor, authenticator: Authenticator, limits: Limits) -> Router {
    let Limits { bodies, timeouts, requests, wait } = limits;
    let monitor = monitor.of_listener();
    let measured = node.metrics().clone();
    let limited = |requests| from_fn_with_state(ConcurrencyLimit::new(requests, wait), limit_concurrency);
    let messages = Router::new()
        .route(paths::WORKING_ON, post(prover::working_on))
        .route(paths::STOPPED, post(prover::stopped))
        .route(paths::REPLICAS, post(prover::replicas))
        .route_layer(limited(requests.message));
    // `get` alone would answer HEAD by claiming a job and throwing it away.
    let claim = get(prover::get_job).head(|| async { ApiError::WrongMethod });
    let claims = Router::new().route(paths::GET_JOB, claim).route_layer(limited(requests.get_job));
    let proofs =
        Router::new().route(paths::PUBLISH, post(prover::publish)).route_layer(limited(requests.publish));
    let imports = OpenApiRouter::new()
        .routes(routes!(import::genesis))
        .routes(routes!(import::block))
        .routes(routes!(import::aggregated_operation))
        .route_layer(limited(requests.import));
    let operators = operators::reads()
        .merge(operators::changes())
        .merge(operators::parts_of_blocks())
        .routes(routes!(blocks::genesis))
        .routes(routes!(aggregated::proof))
        .routes(routes!(rejected::proof))
        .routes(routes!(jobs::data))
        .routes(routes!(backup::backup))
        .route_layer(limited(requests.operator));
    let bundles = OpenApiRouter::new()
        .routes(routes!(blocks::bundle))
        .route_layer(limited(requests.operator.min(operators::MAX_BUNDLES)));
    let described = imports.merge(operators).merge(bundles);
    openapi::served(described, Listener::Main)
        .route(paths::ALIVE, get(|| async { "alive" }))
        .merge(messages)
        .merge(claims)
        .merge(proofs)
        .fallback(|| async { ApiError::UnknownRoute })
        .method_not_allowed_fallback(|| async { ApiError::WrongMethod })
        .layer(from_fn(request_body::refuse_encoded))
        .layer(from_fn_with_state(Arc::new(authenticator), require_token))
        .layer(from_fn(observe))
        .layer(from_fn_with_state(measured, measure))
        .with_state(Arc::new(Api { node, monitor, limits: bodies, timeouts }))
}
