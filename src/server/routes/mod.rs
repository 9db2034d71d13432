//! The routes: the protocol of the provers (spec 06 §5), and `/api/v1` for imports and operators.

mod aggregated;
mod backup;
mod blocks;
mod import;
mod jobs;
mod prover;
mod provers;
mod rejected;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::header,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tracing::Span;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{require_operator, require_token},
    body::{self, BodyTimeouts},
    error::ApiError,
    gate::{self, Gate},
    metrics::measure,
    monitor::Monitor,
    observe::observe,
    openapi::{self, Listener},
};
use crate::{
    api::{
        paths,
        tokens::{Authenticator, OperatorToken},
        views::{HistoryView, OperatorView, Status},
    },
    config::{BodyLimits, Config, RequestLimits},
    workers::Node,
};

/// Bundles that are taken at a time: each is in memory as a whole.
const BUNDLES: usize = 2;

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Lengths of bodies.
    pub bodies: BodyLimits,
    /// Waits for bodies.
    pub timeouts: BodyTimeouts,
    /// Requests that are worked on at a time.
    pub requests: RequestLimits,
    /// Longest wait for a turn.
    pub wait: Duration,
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Self {
        Self {
            bodies: config.body_limits,
            timeouts: BodyTimeouts { part: config.stall_timeout, whole: config.body_timeout },
            requests: config.request_limits,
            wait: config.request_wait,
        }
    }
}

/// What the routes work with.
struct Api {
    node: Arc<Node>,
    monitor: Monitor,
    limits: BodyLimits,
    timeouts: BodyTimeouts,
}

type Shared = State<Arc<Api>>;

/// All routes, every one behind a bearer token: 401 comes before 404, 405 and 400.
pub fn router(node: Arc<Node>, authenticator: Authenticator, limits: Limits) -> Router {
    router_with(node, Monitor::idle(), authenticator, limits)
}

/// The same, with what is found in the background.
pub fn router_with(
    node: Arc<Node>,
    monitor: Monitor,
    authenticator: Authenticator,
    limits: Limits,
) -> Router {
    let Limits { bodies, timeouts, requests, wait } = limits;
    let measured = node.store().metrics().clone();
    let gate = |requests| from_fn_with_state(Gate::new(requests, wait), gate::pass);
    let messages = Router::new()
        .route(paths::WORKING_ON, post(prover::working_on))
        .route(paths::STOPPED, post(prover::stopped))
        .route(paths::REPLICAS, post(prover::replicas))
        .route_layer(gate(requests.message));
    let claims =
        Router::new().route(paths::GET_JOB, get(prover::get_job)).route_layer(gate(requests.get_job));
    let proofs =
        Router::new().route(paths::PUBLISH, post(prover::publish)).route_layer(gate(requests.publish));
    let imports = OpenApiRouter::new()
        .routes(routes!(import::genesis))
        .routes(routes!(import::block))
        .routes(routes!(import::aggregated_operation))
        .route_layer(gate(requests.import));
    let operators = reads()
        .merge(steering())
        .routes(routes!(blocks::genesis))
        .routes(routes!(blocks::block))
        .routes(routes!(blocks::witness))
        .routes(routes!(blocks::proof))
        .routes(routes!(aggregated::proof))
        .routes(routes!(rejected::proof))
        .routes(routes!(jobs::data))
        .routes(routes!(backup::backup))
        .route_layer(gate(requests.operator));
    let bundles = OpenApiRouter::new()
        .routes(routes!(blocks::bundle))
        .route_layer(gate(requests.operator.min(BUNDLES)));
    let described = imports.merge(operators).merge(bundles);
    openapi::served(described, Listener::Main)
        .route(paths::ALIVE, get(|| async { "alive" }))
        .merge(messages)
        .merge(claims)
        .merge(proofs)
        .fallback(|| async { ApiError::UnknownRoute })
        .method_not_allowed_fallback(|| async { ApiError::WrongMethod })
        .layer(from_fn(body::as_it_is))
        .layer(from_fn_with_state(Arc::new(authenticator), require_token))
        .layer(from_fn(observe))
        .layer(from_fn_with_state(measured, measure))
        .with_state(Arc::new(Api { node, monitor, limits: bodies, timeouts }))
}

/// What operators read, without what provers are given and give.
fn reads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(blocks::list))
        .routes(routes!(blocks::explain))
        .routes(routes!(aggregated::operations))
        .routes(routes!(rejected::list))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::job))
        .routes(routes!(provers::list))
        .routes(routes!(history))
        .routes(routes!(events))
}

/// What operators do.
fn steering() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(jobs::requeue))
        .routes(routes!(jobs::drop_job))
        .routes(routes!(blocks::retry))
}

/// The same for the admin listener: reading without a token, doing with that of the operator.
pub(super) fn admin_routes(
    node: Arc<Node>,
    monitor: Monitor,
    operator: Option<OperatorToken>,
    limits: Limits,
) -> Router {
    let Limits { bodies, timeouts, requests, wait } = limits;
    let enabled = operator.is_some();
    let steering = steering().route_layer(from_fn_with_state(operator, require_operator));
    let described = reads()
        .merge(steering)
        .routes(routes!(operator_view))
        .route_layer(from_fn_with_state(Gate::new(requests.operator, wait), gate::pass));
    openapi::served(described, Listener::Admin)
        .layer(Extension(OperatorView { enabled }))
        .with_state(Arc::new(Api { node, monitor, limits: bodies, timeouts }))
}

/// How far everything is.
#[utoipa::path(get, path = paths::STATUS, responses((status = OK, body = Status)))]
async fn status(State(api): Shared) -> Result<Json<Status>, ApiError> {
    let monitor = api.monitor.clone();
    api.blocking(move |node| Ok(monitor.status(node)?)).await.map(Json)
}

/// The last hour.
#[utoipa::path(get, path = paths::HISTORY, responses((status = OK, body = HistoryView)))]
async fn history(State(api): Shared) -> Json<HistoryView> {
    Json(api.monitor.history())
}

/// Every change, as it happens: events `change` with the status as JSON, first of all with that of now.
#[utoipa::path(get, path = paths::EVENTS, responses((status = OK, content_type = "text/event-stream", body = String)))]
async fn events(State(api): Shared) -> Result<Response, ApiError> {
    let listener = api.monitor.listen()?;
    let monitor = api.monitor.clone();
    let now = api.blocking(move |node| Ok(monitor.status(node)?)).await?;
    Ok(listener.into_response(now))
}

/// Whether this listener lets operators do anything.
#[utoipa::path(get, path = paths::OPERATOR, responses((status = OK, body = OperatorView)))]
async fn operator_view(Extension(operator): Extension<OperatorView>) -> Json<OperatorView> {
    Json(operator)
}

impl Api {
    /// Reads the body of a small message, which has no reason to take its time.
    async fn read_message(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let BodyTimeouts { part, .. } = self.timeouts;
        body::read(body, self.limits.message, BodyTimeouts { part, whole: part }).await
    }

    /// Reads a body of up to `limit` bytes.
    async fn read(&self, body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
        body::read(body, limit, self.timeouts).await
    }

    /// Does work that may block: everything with the store, and JSON of any size.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (node, span, pass) = (Arc::clone(&self.node), Span::current(), gate::current());
        let work = move || {
            let outcome = span.in_scope(|| work(&node));
            drop(pass);
            outcome
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            // Answered where every panic is.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(ApiError::Unavailable { reason: "it is stopping".to_owned() }),
        }
    }
}

/// The parameters of a path.
fn path_of<T>(path: Result<Path<T>, PathRejection>) -> Result<T, ApiError> {
    path.map(|Path(value)| value).map_err(|error| ApiError::BadParameter(error.body_text()))
}

/// The parameters of a query.
fn query_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(value)| value).map_err(|error| ApiError::BadParameter(error.body_text()))
}

/// JSON as it is stored, or 404.
fn stored_json(bytes: Option<Vec<u8>>, what: impl FnOnce() -> String) -> Result<Response, ApiError> {
    let bytes = bytes.ok_or_else(|| ApiError::NotFound { what: what() })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}
