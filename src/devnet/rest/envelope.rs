//! The object that every answer is wrapped in.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::error::RestError;

/// An answer, good or bad.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    /// The request as it was understood.
    pub request: RequestView,
    /// `success` or `error`.
    pub status: &'static str,
    /// The reason of the failure; null after a success.
    pub error: Option<ErrorView>,
    /// The result; null after a failure, and if what was asked for does not exist.
    pub result: Option<T>,
}

/// The request as it was understood.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Request)]
pub(super) struct RequestView {
    /// `localhost`.
    pub network: &'static str,
    /// `v02`.
    pub api_version: &'static str,
    /// The path.
    pub resource: String,
    /// Parameters of the path and of the query.
    pub args: BTreeMap<String, String>,
    /// Time of the answer (RFC 3339).
    pub timestamp: String,
}

/// The reason of a failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error)]
pub(super) struct ErrorView {
    /// Group of the code, such as `submitError`.
    error_type: &'static str,
    /// Stable code.
    code: u32,
    /// The reason in words.
    message: String,
}

impl From<RestError> for ErrorView {
    fn from(RestError { error_type, code, message }: RestError) -> Self {
        Self { error_type, code, message }
    }
}
