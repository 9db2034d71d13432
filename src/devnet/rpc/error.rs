//! Error objects of JSON-RPC.

use serde_json::{Value, json};

use crate::devnet::submit_error::SubmitError;

/// The error of a call. It is sent with HTTP status 200: the SDK does not read the body of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RpcError {
    pub code: i32,
    pub message: String,
}

impl RpcError {
    /// Returns the error of text that is not JSON.
    pub(super) fn parse(cause: &str) -> Self {
        Self { code: -32700, message: format!("Parse error: {cause}") }
    }

    /// Returns the error of JSON that is not a call.
    pub(super) fn invalid_request(cause: &str) -> Self {
        Self { code: -32600, message: format!("Invalid request: {cause}") }
    }

    /// Returns the error of a method that does not exist.
    pub(super) fn unknown_method() -> Self {
        Self { code: -32601, message: "Method not found".to_owned() }
    }

    /// Returns the error of an argument that is missing or has the wrong form.
    pub(super) fn invalid_params(cause: &str) -> Self {
        Self { code: -32602, message: format!("Invalid params: {cause}") }
    }

    /// Returns the error of a call that cannot be answered.
    pub(super) fn internal(message: String) -> Self {
        Self { code: -32603, message }
    }

    /// Returns the error object.
    pub(super) fn to_json(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        Self { code: error.rpc_code(), message: error.to_string() }
    }
}
