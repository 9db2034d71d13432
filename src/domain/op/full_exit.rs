//! FullExit operation (docs/protocol/03-operations.md §9).

use super::layout::Layout;
use crate::domain::amount;
use crate::domain::hex_types::{Address, H256};
use crate::domain::ids::AccountId;
use crate::domain::priority_op::FullExit;
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An executed `FullExit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullExitOp {
    /// The request.
    pub priority_op: FullExit,
    /// Withdrawn amount; `None` if the requester does not own the account.
    #[serde(default, with = "amount::option")]
    pub withdraw_amount: Option<BigUint>,
    /// Creator of the NFT, if the token is one that exists.
    pub creator_account_id: Option<AccountId>,
    /// Address of the creator.
    pub creator_address: Option<Address>,
    /// Number of the NFT among those of its creator.
    pub serial_id: Option<u32>,
    /// Hash of the NFT's content.
    pub content_hash: Option<H256>,
}

impl FullExitOp {
    /// Chunks of a request from before contracts version 6.
    const LEGACY_CHUNKS: usize = 6;
}

impl Layout for FullExitOp {
    const OP_CODE: u8 = 0x06;
    const CHUNKS: usize = 11;
    const IS_ONCHAIN: bool = true;

    /// Absent fields are written as zeros.
    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        let data = data
            .account(self.priority_op.account_id)
            .address(&self.priority_op.eth_address)
            .token(self.priority_op.token)
            .amount(self.withdraw_amount.as_ref().unwrap_or(&BigUint::ZERO))?
            .account(self.creator_account_id.unwrap_or_default())
            .address(&self.creator_address.unwrap_or_default())
            .u32(self.serial_id.unwrap_or_default())
            .bytes(&self.content_hash.unwrap_or_default().0);
        Ok(data)
    }

    /// The public data of a legacy request still has the length of [`Self::CHUNKS`], so a block
    /// with one has no valid public data.
    fn chunks(&self) -> usize {
        if self.priority_op.is_legacy { Self::LEGACY_CHUNKS } else { Self::CHUNKS }
    }
}
