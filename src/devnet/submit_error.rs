//! The reason why a transaction was refused, with its codes and texts
//! (docs/protocol/07-execution.md §11).

/// The reason why a transaction, a batch or a switch of two-factor authentication was refused.
/// Nothing has changed. The texts are those of the JSON-RPC errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubmitError {
    /// Fast processing of a kind that has none was requested.
    #[error("Fast processing available only for 'withdraw' operation type.")]
    NoFastProcessing,
    /// Fast processing was requested within the transaction instead of beside it.
    #[error("'fast' field of Withdraw transaction must not be set manually.")]
    FastInTransaction,
    /// The kind Close is disabled.
    #[error("Account close tx is disabled.")]
    CloseDisabled,
    /// The target of a forced exit does not exist.
    #[error("Target account does not exist")]
    NoTarget,
    /// A token does not exist.
    #[error("Token not found in the DB")]
    UnknownToken,
    /// Fees cannot be paid in the token.
    #[error("Chosen token is not suitable for paying fees.")]
    FeeToken,
    /// The fee is too low.
    #[error("Transaction fee is too low")]
    FeeTooLow,
    /// The fees of a batch are too low together.
    #[error("Transactions batch summary fee is too low")]
    BatchFeeTooLow,
    /// An account id does not exist.
    #[error("Database unavailable")]
    UnknownAccount,
    /// An account whose address is derived from its key has no Ethereum signatures.
    #[error("Eth signature from CREATE2 account not expected")]
    Create2Signature,
    /// The Ethereum signature is missing.
    #[error("MissingEthSignature")]
    MissingEthSignature,
    /// A new key that needs an authorisation on layer 1 has none.
    #[error("Change pubkey tx is not authorized onchain")]
    NotAuthorized,
    /// The Ethereum signature is not that of the sender.
    #[error("Eth signature is incorrect")]
    WrongEthSignature,
    /// The transaction is incorrect in every state.
    #[error("Tx is incorrect: {0}")]
    Incorrect(String),
    /// The nonce was used already.
    #[error("Tx nonce is too low.")]
    NonceTooLow,
    /// A batch has no transactions.
    #[error("Transaction batch is empty")]
    EmptyBatch,
    /// A batch does not fit the largest block.
    #[error("Batch will not fit in any of supported block sizes")]
    BatchTooLarge,
    /// A batch has too many Ethereum signatures.
    #[error("Too many Ethereum signatures provided")]
    TooManyEthSignatures,
    /// Two-factor authentication of an account whose address is derived from its key.
    #[error("Can not change 2FA for a CREATE2 account")]
    TwoFactorOfCreate2,
    /// Two-factor authentication was switched on for a single key.
    #[error("Request to enable 2FA should not have PubKeyHash field set")]
    TwoFactorForKey,
    /// The time of a switch of two-factor authentication is too far from now.
    #[error("Timestamp differs by more than 40 minutes")]
    Timestamp,
    /// A transaction of a batch waits already.
    #[error("A transaction of the batch is in the mempool already")]
    AlreadyWaiting,
    /// The mempool has no room.
    #[error("The mempool is full: {0} transactions wait; submit it again later")]
    MempoolFull(usize),
    /// The devnet stops, or cannot write.
    #[error("The devnet cannot accept transactions: {0}")]
    Unavailable(String),
}

impl SubmitError {
    /// Returns the code of the JSON-RPC error; its message is the `Display` form.
    pub(crate) fn rpc_code(&self) -> i32 {
        match self {
            Self::NoTarget | Self::Timestamp => -32602,
            Self::UnknownToken => -32603,
            Self::NonceTooLow => 101,
            Self::FastInTransaction | Self::Create2Signature | Self::Incorrect(_) => 103,
            Self::FeeTooLow | Self::BatchFeeTooLow => 104,
            Self::FeeToken => 105,
            Self::MissingEthSignature => 200,
            Self::WrongEthSignature => 202,
            Self::NotAuthorized => 203,
            Self::UnknownAccount
            | Self::EmptyBatch
            | Self::BatchTooLarge
            | Self::TooManyEthSignatures
            | Self::AlreadyWaiting
            | Self::MempoolFull(_)
            | Self::Unavailable(_) => 300,
            Self::CloseDisabled => 301,
            Self::NoFastProcessing => 303,
            Self::TwoFactorOfCreate2 | Self::TwoFactorForKey => 304,
        }
    }

    /// Returns the code of the REST error, whose type is always `submitError`.
    pub(crate) fn rest_code(&self) -> u32 {
        match self {
            Self::CloseDisabled => 601,
            Self::NoTarget | Self::Timestamp => 602,
            Self::NoFastProcessing => 603,
            Self::Create2Signature | Self::FastInTransaction => 604,
            Self::FeeToken => 606,
            Self::TwoFactorOfCreate2 | Self::TwoFactorForKey => 608,
            Self::UnknownToken => 60000,
            _ => 605,
        }
    }

    /// Returns the message of the REST error.
    pub(crate) fn rest_message(&self) -> String {
        match self.rest_code() {
            602 => format!("Invalid params: {self}."),
            604 => format!("Incorrect transaction: {self}."),
            605 => format!("Transaction adding error: {self}."),
            608 => format!("Failed to toggle 2FA: {self}."),
            _ => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_wraps_the_text() {
        let nonce = SubmitError::NonceTooLow;
        assert_eq!((nonce.rpc_code(), nonce.rest_code()), (101, 605));
        assert_eq!(nonce.rest_message(), "Transaction adding error: Tx nonce is too low..");
        let target = SubmitError::NoTarget;
        assert_eq!((target.rpc_code(), target.rest_code()), (-32602, 602));
        assert_eq!(target.rest_message(), "Invalid params: Target account does not exist.");
        let closed = SubmitError::CloseDisabled;
        assert_eq!((closed.rpc_code(), closed.rest_message()), (301, closed.to_string()));
        let two_factor = SubmitError::TwoFactorOfCreate2;
        assert_eq!((two_factor.rpc_code(), two_factor.rest_code()), (304, 608));
        assert_eq!(
            two_factor.rest_message(),
            "Failed to toggle 2FA: Can not change 2FA for a CREATE2 account."
        );
    }
}
