//! The state of the server: now, over the last hour, and as a stream of changes.

use axum::{Extension, Json, extract::State, response::Response};

use super::state::Shared;
use crate::{
    api::{
        paths,
        views::{HistoryView, OperatorView, Status},
    },
    server::error::ApiError,
};

/// Returns the state of the server.
#[utoipa::path(get, path = paths::STATUS, responses((status = OK, body = Status)))]
pub(super) async fn status(State(api): Shared) -> Result<Json<Status>, ApiError> {
    let monitor = api.monitor.clone();
    api.blocking(move |node| Ok(monitor.status(node)?)).await.map(Json)
}

/// Returns the history of the last hour.
#[utoipa::path(get, path = paths::HISTORY, responses((status = OK, body = HistoryView)))]
pub(super) async fn history(State(api): Shared) -> Json<HistoryView> {
    Json(api.monitor.history())
}

/// Streams an event `change` with the status as JSON: at once, then for every change.
#[utoipa::path(get, path = paths::EVENTS, responses((status = OK, content_type = "text/event-stream", body = String)))]
pub(super) async fn events(State(api): Shared) -> Result<Response, ApiError> {
    let subscription = api.monitor.subscribe()?;
    let monitor = api.monitor.clone();
    let now = api.blocking(move |node| Ok(monitor.status(node)?)).await?;
    Ok(subscription.into_response(now))
}

/// Returns whether an operator token is configured on this listener.
#[utoipa::path(get, path = paths::OPERATOR, responses((status = OK, body = OperatorView)))]
pub(super) async fn operator(Extension(operator): Extension<OperatorView>) -> Json<OperatorView> {
    Json(operator)
}
