//! A transaction of any kind.

use super::{ChangePubKey, Close, ForcedExit, MintNft, Swap, Transfer, Withdraw, WithdrawNft};
use super::{SignedForms, TimeRange};
use crate::domain::eth_signature::EthSignData;
use crate::domain::ids::Nonce;
use crate::domain::wire::WireError;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A transaction sent to the rollup; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ZkSyncTx {
    Transfer(Box<Transfer>),
    Withdraw(Box<Withdraw>),
    Close(Box<Close>),
    ChangePubKey(Box<ChangePubKey>),
    ForcedExit(Box<ForcedExit>),
    MintNFT(Box<MintNft>),
    Swap(Box<Swap>),
    WithdrawNFT(Box<WithdrawNft>),
}

impl ZkSyncTx {
    /// Returns the current form in full; its hash identifies the transaction.
    pub(crate) fn full_bytes(&self) -> Result<Vec<u8>, WireError> {
        match self {
            Self::Transfer(tx) => tx.signed_bytes(),
            Self::Withdraw(tx) => tx.signed_bytes(),
            Self::Close(tx) => Ok(tx.signed_bytes()),
            Self::ChangePubKey(tx) => tx.signed_bytes(),
            Self::ForcedExit(tx) => tx.signed_bytes(),
            Self::MintNFT(tx) => tx.signed_bytes(),
            Self::Swap(tx) => tx.full_bytes(),
            Self::WithdrawNFT(tx) => tx.signed_bytes(),
        }
    }

    /// Returns the signature with the forms over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        match self {
            Self::Transfer(tx) => tx.signed_forms(),
            Self::Withdraw(tx) => tx.signed_forms(),
            Self::Close(tx) => tx.signed_forms(),
            Self::ChangePubKey(tx) => tx.signed_forms(),
            Self::ForcedExit(tx) => tx.signed_forms(),
            Self::MintNFT(tx) => tx.signed_forms(),
            Self::Swap(tx) => tx.signed_forms(),
            Self::WithdrawNFT(tx) => tx.signed_forms(),
        }
    }

    /// Returns the nonce.
    pub(crate) fn nonce(&self) -> Nonce {
        match self {
            Self::Transfer(tx) => tx.nonce,
            Self::Withdraw(tx) => tx.nonce,
            Self::Close(tx) => tx.nonce,
            Self::ChangePubKey(tx) => tx.nonce,
            Self::ForcedExit(tx) => tx.nonce,
            Self::MintNFT(tx) => tx.nonce,
            Self::Swap(tx) => tx.nonce,
            Self::WithdrawNFT(tx) => tx.nonce,
        }
    }

    /// Returns the block timestamps at which the transaction may be executed: for a Swap those of
    /// both orders, for a transaction without a range all of them.
    pub(crate) fn time_range(&self) -> TimeRange {
        match self {
            Self::Transfer(tx) => tx.time_range.unwrap_or_default(),
            Self::Withdraw(tx) => tx.time_range.unwrap_or_default(),
            Self::Close(tx) => tx.time_range,
            Self::ChangePubKey(tx) => tx.time_range.unwrap_or_default(),
            Self::ForcedExit(tx) => tx.time_range.unwrap_or_default(),
            Self::MintNFT(_) => TimeRange::default(),
            Self::Swap(tx) => tx.time_range(),
            Self::WithdrawNFT(tx) => tx.time_range,
        }
    }
}

/// A transaction with the Ethereum signature that accompanies it (docs/protocol/02-types-json.md
/// §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedZkSyncTx {
    /// The transaction.
    pub tx: ZkSyncTx,
    /// Second factor; `None` if the account needs none.
    pub eth_sign_data: Option<EthSignData>,
    /// Time of receipt; the current time if the JSON has none.
    #[serde(default = "Utc::now")]
    pub created_at: DateTime<Utc>,
}
