//! The reason why the devnet refused a request of its own endpoints.

use thiserror::Error;

/// The reason why a deposit, a full exit or a test control was refused. Nothing has changed.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// The request is wrong; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// What the request names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The devnet cannot do it now; a later attempt may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The devnet failed; its log has the cause.
    #[error("{0}")]
    Failed(String),
}
