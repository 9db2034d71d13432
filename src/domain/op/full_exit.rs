//! FullExit operation (spec 03 §9).

use crate::domain::{AccountId, Address, FullExit, H256, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An executed [`FullExit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullExitOp {
    /// The request.
    pub priority_op: FullExit,
    /// What is withdrawn; `None` if the request was not the owner's.
    #[serde(default, with = "amount::option")]
    pub withdraw_amount: Option<BigUint>,
    /// Creator, if the token is a known NFT.
    pub creator_account_id: Option<AccountId>,
    /// Address of the creator.
    pub creator_address: Option<Address>,
    /// Number of the NFT among those of its creator.
    pub serial_id: Option<u32>,
    /// Hash of the content.
    pub content_hash: Option<H256>,
}
