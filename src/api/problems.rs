//! The body of an error response: a problem of RFC 9457 with extensions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// The body of every error response: a problem of RFC 9457 with the extensions `code`, `message`
/// and `request_id`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: `code` identifies the kind of problem.
    #[serde(default)]
    pub r#type: String,
    /// The reason phrase of the status.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// A sentence for people.
    #[serde(default)]
    pub detail: String,
    /// Stable identifier for programs, such as `unknown_job`.
    pub code: String,
    /// The same as `detail`, for clients that only know `message`.
    pub message: String,
    /// The id of the request, as in the header `x-request-id` and in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
