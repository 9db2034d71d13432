//! Operations: what executed transactions and priority operations did (spec 02 §4, 03). One file each.

mod change_pub_key;
mod close;
mod deposit;
mod forced_exit;
mod full_exit;
mod mint_nft;
mod noop;
mod swap;
mod transfer;
mod transfer_to_new;
mod withdraw;
mod withdraw_nft;

pub use change_pub_key::ChangePubKeyOp;
pub use close::CloseOp;
pub use deposit::DepositOp;
pub use forced_exit::ForcedExitOp;
pub use full_exit::FullExitOp;
pub use mint_nft::{MintNftOp, nft_content};
pub use noop::NoopOp;
pub use swap::SwapOp;
pub use transfer::TransferOp;
pub use transfer_to_new::TransferToNewOp;
pub use withdraw::WithdrawOp;
pub use withdraw_nft::WithdrawNftOp;

pub use super::wire::WireError as OpError;

use super::wire::{Reader, Writer};
use super::{AccountId, TokenId};
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

impl ZkSyncOp {
    /// Name of the operation: the tag of its JSON.
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

    /// First byte of the public data.
    pub fn op_code(&self) -> u8 {
        match self {
            Self::Deposit(_) => DepositOp::OP_CODE,
            Self::Transfer(_) => TransferOp::OP_CODE,
            Self::TransferToNew(_) => TransferToNewOp::OP_CODE,
            Self::Withdraw(_) => WithdrawOp::OP_CODE,
            Self::WithdrawNFT(_) => WithdrawNftOp::OP_CODE,
            Self::Close(_) => CloseOp::OP_CODE,
            Self::FullExit(_) => FullExitOp::OP_CODE,
            Self::ChangePubKeyOffchain(_) => ChangePubKeyOp::OP_CODE,
            Self::ForcedExit(_) => ForcedExitOp::OP_CODE,
            Self::MintNFTOp(_) => MintNftOp::OP_CODE,
            Self::Noop(_) => NoopOp::OP_CODE,
            Self::Swap(_) => SwapOp::OP_CODE,
        }
    }

    /// Chunks the operation counts in its block.
    pub fn chunks(&self) -> usize {
        match self {
            Self::Deposit(_) => DepositOp::CHUNKS,
            Self::Transfer(_) => TransferOp::CHUNKS,
            Self::TransferToNew(_) => TransferToNewOp::CHUNKS,
            Self::Withdraw(_) => WithdrawOp::CHUNKS,
            Self::WithdrawNFT(_) => WithdrawNftOp::CHUNKS,
            Self::Close(_) => CloseOp::CHUNKS,
            Self::FullExit(op) => op.chunks(),
            Self::ChangePubKeyOffchain(_) => ChangePubKeyOp::CHUNKS,
            Self::ForcedExit(_) => ForcedExitOp::CHUNKS,
            Self::MintNFTOp(_) => MintNftOp::CHUNKS,
            Self::Noop(_) => NoopOp::CHUNKS,
            Self::Swap(_) => SwapOp::CHUNKS,
        }
    }

    /// Public data, padded to whole chunks (spec 03 §2). Amounts and fees that have no packed form are rounded down;
    /// an error if one does not fit at all.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        match self {
            Self::Deposit(op) => op.public_data(),
            Self::Transfer(op) => op.public_data(),
            Self::TransferToNew(op) => op.public_data(),
            Self::Withdraw(op) => op.public_data(),
            Self::WithdrawNFT(op) => op.public_data(),
            Self::Close(op) => Ok(op.public_data()),
            Self::FullExit(op) => op.public_data(),
            Self::ChangePubKeyOffchain(op) => op.public_data(),
            Self::ForcedExit(op) => op.public_data(),
            Self::MintNFTOp(op) => op.public_data(),
            Self::Noop(op) => Ok(op.public_data()),
            Self::Swap(op) => op.public_data(),
        }
    }

    /// The operation that starts with the first byte and is exactly as long as `data` (of a ChangePubKey only the bytes before
    /// the padding are asked for); fields that public data does not hold are zero.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Ok(match *data.first().ok_or(OpError::Empty)? {
            DepositOp::OP_CODE => Self::Deposit(Box::new(DepositOp::from_public_data(data)?)),
            TransferOp::OP_CODE => Self::Transfer(Box::new(TransferOp::from_public_data(data)?)),
            TransferToNewOp::OP_CODE => {
                Self::TransferToNew(Box::new(TransferToNewOp::from_public_data(data)?))
            }
            WithdrawOp::OP_CODE => Self::Withdraw(Box::new(WithdrawOp::from_public_data(data)?)),
            WithdrawNftOp::OP_CODE => Self::WithdrawNFT(Box::new(WithdrawNftOp::from_public_data(data)?)),
            CloseOp::OP_CODE => Self::Close(Box::new(CloseOp::from_public_data(data)?)),
            FullExitOp::OP_CODE => Self::FullExit(Box::new(FullExitOp::from_public_data(data)?)),
            ChangePubKeyOp::OP_CODE => {
                Self::ChangePubKeyOffchain(Box::new(ChangePubKeyOp::from_public_data(data)?))
            }
            ForcedExitOp::OP_CODE => Self::ForcedExit(Box::new(ForcedExitOp::from_public_data(data)?)),
            MintNftOp::OP_CODE => Self::MintNFTOp(Box::new(MintNftOp::from_public_data(data)?)),
            NoopOp::OP_CODE => Self::Noop(NoopOp::from_public_data(data)?),
            SwapOp::OP_CODE => Self::Swap(Box::new(SwapOp::from_public_data(data)?)),
            code => return Err(OpError::UnknownOperation(code)),
        })
    }

    /// The same for the form before contracts version 6: chunks of 9 bytes, tokens of 2, no NFTs and swaps.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Ok(match *data.first().ok_or(OpError::Empty)? {
            DepositOp::OP_CODE => Self::Deposit(Box::new(DepositOp::from_legacy_public_data(data)?)),
            TransferOp::OP_CODE => Self::Transfer(Box::new(TransferOp::from_legacy_public_data(data)?)),
            TransferToNewOp::OP_CODE => {
                Self::TransferToNew(Box::new(TransferToNewOp::from_legacy_public_data(data)?))
            }
            WithdrawOp::OP_CODE => Self::Withdraw(Box::new(WithdrawOp::from_legacy_public_data(data)?)),
            CloseOp::OP_CODE => Self::Close(Box::new(CloseOp::from_legacy_public_data(data)?)),
            FullExitOp::OP_CODE => Self::FullExit(Box::new(FullExitOp::from_legacy_public_data(data)?)),
            ChangePubKeyOp::OP_CODE => {
                Self::ChangePubKeyOffchain(Box::new(ChangePubKeyOp::from_legacy_public_data(data)?))
            }
            ForcedExitOp::OP_CODE => Self::ForcedExit(Box::new(ForcedExitOp::from_legacy_public_data(data)?)),
            NoopOp::OP_CODE => Self::Noop(NoopOp::from_legacy_public_data(data)?),
            code => return Err(OpError::UnknownOperation(code)),
        })
    }

    /// Whether the contract looks at the operation: its first chunk is flagged in the commitment.
    pub fn is_onchain(&self) -> bool {
        self.is_processable_onchain() || matches!(self, Self::Deposit(_) | Self::ChangePubKeyOffchain(_))
    }

    /// Whether the contract acts when the block is executed: the operation pays out.
    pub fn is_processable_onchain(&self) -> bool {
        matches!(self, Self::Withdraw(_) | Self::WithdrawNFT(_) | Self::FullExit(_) | Self::ForcedExit(_))
    }

    /// What the contract needs to check the operation, possibly nothing; `None` for all but ChangePubKey.
    pub fn eth_witness(&self) -> Option<Vec<u8>> {
        match self {
            Self::ChangePubKeyOffchain(op) => Some(op.eth_witness()),
            _ => None,
        }
    }

    /// What is to be paid out; `None` for operations that never pay out (spec 03 §2.1).
    pub fn withdrawal_data(&self) -> Result<Option<Vec<u8>>, OpError> {
        match self {
            Self::Withdraw(op) => op.withdrawal_data().map(Some),
            Self::WithdrawNFT(op) => Ok(Some(op.withdrawal_data())),
            Self::ForcedExit(op) => op.withdrawal_data().map(Some),
            Self::FullExit(op) => op.withdrawal_data().map(Some),
            _ => Ok(None),
        }
    }

    /// Accounts the operation touches, in the order of spec 03 §1.1, duplicates included.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        match self {
            Self::Deposit(op) => op.updated_account_ids(),
            Self::Transfer(op) => op.updated_account_ids(),
            Self::TransferToNew(op) => op.updated_account_ids(),
            Self::Withdraw(op) => op.updated_account_ids(),
            Self::WithdrawNFT(op) => op.updated_account_ids(),
            Self::Close(op) => op.updated_account_ids(),
            Self::FullExit(op) => op.updated_account_ids(),
            Self::ChangePubKeyOffchain(op) => op.updated_account_ids(),
            Self::ForcedExit(op) => op.updated_account_ids(),
            Self::MintNFTOp(op) => op.updated_account_ids(),
            Self::Noop(_) => Vec::new(),
            Self::Swap(op) => op.updated_account_ids(),
        }
    }

    /// Token and amount of the fee, zero included; `None` for operations without one (spec 04 §2).
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

#[cfg(test)]
pub(super) mod tests;
