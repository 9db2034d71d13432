//! An operation of any kind.

use super::layout::Layout;
use super::{
    ChangePubKeyOp, CloseOp, DepositOp, ForcedExitOp, FullExitOp, MintNftOp, NoopOp, SwapOp, TransferOp,
    TransferToNewOp, WithdrawNftOp, WithdrawOp,
};
use crate::domain::ids::TokenId;
use crate::domain::wire::WireError;
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An operation of a block; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ZkSyncOp {
    Deposit(Box<DepositOp>),
    Transfer(Box<TransferOp>),
    TransferToNew(Box<TransferToNewOp>),
    Withdraw(Box<WithdrawOp>),
    WithdrawNFT(Box<WithdrawNftOp>),
    Close(Box<CloseOp>),
    FullExit(Box<FullExitOp>),
    ChangePubKeyOffchain(Box<ChangePubKeyOp>),
    ForcedExit(Box<ForcedExitOp>),
    MintNFTOp(Box<MintNftOp>),
    Noop(NoopOp),
    Swap(Box<SwapOp>),
}

/// Evaluates an expression for the operation inside a [`ZkSyncOp`].
macro_rules! for_each_kind {
    ($self:ident, $op:ident => $value:expr) => {
        match $self {
            Self::Deposit($op) => $value,
            Self::Transfer($op) => $value,
            Self::TransferToNew($op) => $value,
            Self::Withdraw($op) => $value,
            Self::WithdrawNFT($op) => $value,
            Self::Close($op) => $value,
            Self::FullExit($op) => $value,
            Self::ChangePubKeyOffchain($op) => $value,
            Self::ForcedExit($op) => $value,
            Self::MintNFTOp($op) => $value,
            Self::Noop($op) => $value,
            Self::Swap($op) => $value,
        }
    };
}

impl ZkSyncOp {
    /// Returns the name of the operation: the tag of its JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deposit(_) => "Deposit",
            Self::Transfer(_) => "Transfer",
            Self::TransferToNew(_) => "TransferToNew",
            Self::Withdraw(_) => "Withdraw",
            Self::WithdrawNFT(_) => "WithdrawNFT",
            Self::Close(_) => "Close",
            Self::FullExit(_) => "FullExit",
            Self::ChangePubKeyOffchain(_) => "ChangePubKeyOffchain",
            Self::ForcedExit(_) => "ForcedExit",
            Self::MintNFTOp(_) => "MintNFTOp",
            Self::Noop(_) => "Noop",
            Self::Swap(_) => "Swap",
        }
    }

    /// Returns the first byte of the public data.
    pub(crate) fn op_code(&self) -> u8 {
        for_each_kind!(self, op => op.op_code())
    }

    /// Returns the number of chunks that the operation takes in its block.
    pub fn chunks(&self) -> usize {
        for_each_kind!(self, op => op.chunks())
    }

    /// Returns true if the contract processes the operation: its first chunk is flagged in the
    /// commitment.
    pub(crate) fn is_onchain(&self) -> bool {
        for_each_kind!(self, op => op.is_onchain())
    }

    /// Returns the public data, padded to whole chunks (docs/protocol/03-operations.md §2).
    ///
    /// Amounts and fees without a packed form are rounded down.
    ///
    /// # Errors
    /// If an amount or a fee exceeds the size of its field.
    pub fn public_data(&self) -> Result<Vec<u8>, WireError> {
        for_each_kind!(self, op => op.public_data())
    }

    /// Returns token and amount of the fee, zero included; `None` for operations that never pay one
    /// (docs/protocol/04-witness.md §2).
    pub fn fee(&self) -> Option<(TokenId, &BigUint)> {
        match self {
            Self::Transfer(op) => Some((op.tx.token, &op.tx.fee)),
            Self::TransferToNew(op) => Some((op.tx.token, &op.tx.fee)),
            Self::Withdraw(op) => Some((op.tx.token, &op.tx.fee)),
            Self::ForcedExit(op) => Some((op.tx.token, &op.tx.fee)),
            Self::WithdrawNFT(op) => Some((op.tx.fee_token, &op.tx.fee)),
            Self::ChangePubKeyOffchain(op) => Some((op.tx.fee_token, &op.tx.fee)),
            Self::MintNFTOp(op) => Some((op.tx.fee_token, &op.tx.fee)),
            Self::Swap(op) => Some((op.tx.fee_token, &op.tx.fee)),
            Self::Deposit(_) | Self::FullExit(_) | Self::Close(_) | Self::Noop(_) => None,
        }
    }
}
