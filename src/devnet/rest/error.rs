//! Errors with the codes of the reference. They are sent with HTTP status 200.

use std::fmt::Display;

use crate::devnet::submit_error::SubmitError;

/// The error of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RestError {
    pub error_type: &'static str,
    pub code: u32,
    pub message: String,
}

impl RestError {
    fn invalid(code: u32, message: impl Into<String>) -> Self {
        Self { error_type: "invalidDataError", code, message: message.into() }
    }

    pub(super) fn currency() -> Self {
        Self::invalid(201, "Cannot parse currency. There are only token_id, usd options")
    }

    pub(super) fn block_position() -> Self {
        let options = "There are only block_number, last_committed, last_finalized options";
        Self::invalid(202, format!("Cannot parse block position. {options}"))
    }

    pub(super) fn account_argument() -> Self {
        Self::invalid(203, "Cannot parse account id or address")
    }

    pub(super) fn account_not_found() -> Self {
        Self::invalid(204, "Account is not found")
    }

    pub(super) fn transaction_not_found() -> Self {
        Self::invalid(205, "Transaction is not found")
    }

    pub(super) fn page_limit() -> Self {
        Self::invalid(206, "Limit for pagination should be less than or equal to 100")
    }

    pub(super) fn page_start(from: &str) -> Self {
        Self::invalid(207, format!("Cannot parse `from` query parameter: {from}"))
    }

    pub(super) fn nft_id() -> Self {
        Self::invalid(208, "NFT token ID should be greater than or equal to 65536")
    }

    pub(super) fn currency_not_found() -> Self {
        Self { error_type: "storageError", code: 300, message: "Token not found in storage".to_owned() }
    }

    pub(super) fn token_not_found(token: impl Display) -> Self {
        Self { error_type: "tokenError", code: 500, message: format!("Token not found: {token}") }
    }
}

impl From<SubmitError> for RestError {
    fn from(error: SubmitError) -> Self {
        Self { error_type: "submitError", code: error.rest_code(), message: error.rest_message() }
    }
}
