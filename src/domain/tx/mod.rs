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
pub use signature::{SignedForms, TxSignature, TxVersion};
pub use swap::Swap;
pub use time_range::TimeRange;
pub use transfer::Transfer;
pub use withdraw::Withdraw;
pub use withdraw_nft::WithdrawNft;

use super::wire::{WireError, Writer};
use super::{EthSignData, PubKeyHash, TxHash};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// Name of the transaction: the tag of its JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Transfer(_) => "Transfer",
            Self::Withdraw(_) => "Withdraw",
            Self::Close(_) => "Close",
            Self::ChangePubKey(_) => "ChangePubKey",
            Self::ForcedExit(_) => "ForcedExit",
            Self::MintNFT(_) => "MintNFT",
            Self::Swap(_) => "Swap",
            Self::WithdrawNFT(_) => "WithdrawNFT",
        }
    }

    /// SHA-256 of the current form (spec 01 §7.2).
    pub fn hash(&self) -> Result<TxHash, WireError> {
        let bytes = match self {
            Self::Transfer(tx) => tx.signed_bytes()?,
            Self::Withdraw(tx) => tx.signed_bytes()?,
            Self::Close(tx) => tx.signed_bytes(),
            Self::ChangePubKey(tx) => tx.signed_bytes()?,
            Self::ForcedExit(tx) => tx.signed_bytes()?,
            Self::MintNFT(tx) => tx.signed_bytes()?,
            Self::Swap(tx) => tx.full_bytes()?,
            Self::WithdrawNFT(tx) => tx.signed_bytes()?,
        };
        Ok(TxHash(Sha256::digest(bytes).into()))
    }

    /// Hash of the key that signed and the form it signed (spec 03 §3.1); `None` if the signature does not verify.
    /// About 3 ms for each form tried.
    pub fn verify_signature(&self) -> Option<(PubKeyHash, TxVersion)> {
        match self {
            Self::Transfer(tx) => tx.verify_signature(),
            Self::Withdraw(tx) => tx.verify_signature(),
            Self::Close(tx) => tx.verify_signature().map(|signer| (signer, TxVersion::Legacy)),
            Self::ChangePubKey(tx) => tx.verify_signature(),
            Self::ForcedExit(tx) => tx.verify_signature(),
            Self::MintNFT(tx) => tx.verify_signature(),
            Self::Swap(tx) => tx.verify_signature(),
            Self::WithdrawNFT(tx) => tx.verify_signature(),
        }
    }
}

/// SHA-256 of the concatenated hashes of a batch.
pub fn batch_hash(hashes: &[TxHash]) -> TxHash {
    let mut hasher = Sha256::new();
    hashes.iter().for_each(|hash| hasher.update(hash.0));
    TxHash(hasher.finalize().into())
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

#[cfg(test)]
mod tests;
