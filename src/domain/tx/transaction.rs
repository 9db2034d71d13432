//! A transaction of any kind.

use super::{ChangePubKey, Close, ForcedExit, MintNft, Swap, Transfer, Withdraw, WithdrawNft};
use crate::domain::eth_signature::EthSignData;
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
