//! WithdrawNFT operation (spec 03 §8).

use crate::domain::{AccountId, Address, H256, WithdrawNft};
use serde::{Deserialize, Serialize};

/// An executed [`WithdrawNft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawNftOp {
    /// The transaction.
    pub tx: WithdrawNft,
    /// Creator of the NFT.
    pub creator_id: AccountId,
    /// Address of the creator.
    pub creator_address: Address,
    /// Number of the NFT among those of its creator.
    pub serial_id: u32,
    /// Hash of the content.
    pub content_hash: H256,
}
