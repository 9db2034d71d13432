//! The reason why a request to an endpoint below `/devnet` was refused.

use thiserror::Error;

/// The reason why a deposit, a full exit or a test control was refused. Nothing has changed.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// The request is wrong; the text names the necessary change.
    #[error("{0}")]
    Invalid(String),
    /// The item that the request names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The devnet cannot do it now; a later attempt may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The devnet failed; its log has the cause.
    #[error("{0}")]
    Failed(String),
}
