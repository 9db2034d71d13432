//! The JSON body of a request.

use std::error::Error;

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::http::{BODY_TIMEOUTS, MAX_BODY_BYTES};
use crate::server::http::request_body;

/// A JSON body, whatever its content type. An empty one counts as `{}`.
///
/// # Errors
/// A body that is not the expected JSON is answered with 400, one that is too long with 413, each
/// with `{"error":text}`.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let body = request_body::read(request.into_body(), MAX_BODY_BYTES, BODY_TIMEOUTS).await;
        let body = body.map_err(|error| refusal(error.status_and_code().0, &error.to_string()))?;
        let text = if body.is_empty() { b"{}" } else { body.as_slice() };
        Json::from_bytes(text).map(|Json(body)| Self(body)).map_err(|error| {
            // The source begins with the name of the field.
            let cause = error.source().map_or_else(|| error.body_text(), ToString::to_string);
            refusal(StatusCode::BAD_REQUEST, &format!("the body is not the expected JSON: {cause}"))
        })
    }
}

/// Returns the answer to a request that is refused outside of its endpoint.
pub(super) fn refusal(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
