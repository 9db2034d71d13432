//! Answers and errors of the endpoints below `/devnet`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::devnet::body::refusal;
use crate::devnet::control_error::ControlError;

/// The body of an error.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "describes the body, which `refusal` writes")]
pub(super) struct ErrorBody {
    /// The reason, and what to do.
    error: String,
}

/// Returns the answer with a result or an error.
pub(super) fn answer<T: Serialize>(outcome: Result<T, ControlError>) -> Response {
    match outcome {
        Ok(result) => Json(result).into_response(),
        Err(error) => {
            let status = match &error {
                ControlError::Invalid(_) => StatusCode::BAD_REQUEST,
                ControlError::NotFound(_) => StatusCode::NOT_FOUND,
                ControlError::Unavailable(_) => StatusCode::CONFLICT,
                ControlError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refusal(status, &error.to_string())
        }
    }
}
