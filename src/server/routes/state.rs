//! The state that all routes share: the node, limits, and helpers that read requests and run
//! blocking work.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use tokio::task::JoinError;
use tracing::Span;

use crate::{
    config::{BodyLimits, Config, RequestLimits},
    server::{
        error::ApiError,
        http::{
            concurrency_limit::current_permit,
            request_body::{self, BodyTimeouts},
        },
        live::monitor::Monitor,
    },
    workers::Node,
};

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum lengths of bodies.
    pub bodies: BodyLimits,
    /// Longest waits for bodies.
    pub timeouts: BodyTimeouts,
    /// Maximum numbers of requests that are processed at the same time, by kind.
    pub requests: RequestLimits,
    /// Longest wait of a request for its turn.
    pub wait: Duration,
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Self {
        Self {
            bodies: config.body_limits(),
            timeouts: BodyTimeouts { part: config.stall_timeout, whole: config.body_timeout },
            requests: config.request_limits(),
            wait: config.request_wait,
        }
    }
}

/// The state of the routes.
pub(super) struct Api {
    pub node: Arc<Node>,
    pub monitor: Monitor,
    pub limits: BodyLimits,
    pub timeouts: BodyTimeouts,
}

/// The extractor of the state.
pub(super) type Shared = State<Arc<Api>>;

impl Api {
    /// Reads the body of a small message: all of it must arrive within the timeout of one part.
    pub(super) async fn read_message(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let BodyTimeouts { part, .. } = self.timeouts;
        request_body::read(body, self.limits.message, BodyTimeouts { part, whole: part }).await
    }

    /// Reads a body of up to `limit` bytes.
    pub(super) async fn read(&self, body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
        request_body::read(body, limit, self.timeouts).await
    }

    /// Runs work that may block, such as access to the store or parsing of large JSON, on a
    /// blocking thread.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let node = Arc::clone(&self.node);
        let span = Span::current();
        let permit = current_permit();
        let outcome = Arc::new(Mutex::new(None));
        let place = outcome.clone();
        // Boxed, because each type of work would be another task in the binary.
        let work: Box<dyn FnOnce() + Send> = Box::new(move || {
            let outcome = span.in_scope(|| {
                node.store().readable()?;
                work(&node)
            });
            drop(permit);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        });
        let joined = tokio::task::spawn_blocking(work).await;
        let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome_of(joined.map(|()| outcome.unwrap_or_else(|| Err(stopping()))))
    }
}

/// Returns the outcome of a task; its panic continues here, to be answered by `http::observe`.
pub(super) fn outcome_of<T>(joined: Result<Result<T, ApiError>, JoinError>) -> Result<T, ApiError> {
    match joined {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(stopping()),
    }
}

fn stopping() -> ApiError {
    ApiError::Unavailable { reason: "the server is stopping".to_owned() }
}

/// Returns the parameters of a path.
pub(super) fn path_of<T>(path: Result<Path<T>, PathRejection>) -> Result<T, ApiError> {
    path.map(|Path(value)| value).map_err(|error| ApiError::BadParameter(error.body_text()))
}

/// Returns the parameters of a query.
pub(super) fn query_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(value)| value).map_err(|error| ApiError::BadParameter(error.body_text()))
}

/// Returns stored JSON unmodified, or [`ApiError::NotFound`] if it is not stored.
pub(super) fn stored_json(
    bytes: Option<Vec<u8>>,
    what: impl FnOnce() -> String,
) -> Result<Response, ApiError> {
    let bytes = bytes.ok_or_else(|| ApiError::NotFound { what: what() })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}
