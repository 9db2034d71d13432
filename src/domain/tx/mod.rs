//! Transactions of the rollup: one file each (spec 02 §2, 03 §3).

mod change_pub_key;
mod close;
mod forced_exit;
mod mint_nft;
mod order;
mod signature;
mod swap;
mod time_range;
mod transfer;
mod withdraw;
mod withdraw_nft;

pub use change_pub_key::{ChangePubKey, ChangePubKeyEthAuthData};
pub use close::Close;
pub use forced_exit::ForcedExit;
pub use mint_nft::MintNft;
pub use order::Order;
pub use signature::{TxSignature, TxVersion};
pub use swap::Swap;
pub use time_range::TimeRange;
pub use transfer::Transfer;
pub use withdraw::Withdraw;
pub use withdraw_nft::WithdrawNft;

use super::EthSignData;
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

/// A transaction with the optional Ethereum signature it came with (spec 02 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedZkSyncTx {
    /// The transaction.
    pub tx: ZkSyncTx,
    /// Second factor.
    pub eth_sign_data: Option<EthSignData>,
    /// When it was received; "now" if the input does not say.
    #[serde(default = "Utc::now")]
    pub created_at: DateTime<Utc>,
}
