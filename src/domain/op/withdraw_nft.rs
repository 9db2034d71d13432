//! WithdrawNFT operation (docs/protocol/03-operations.md §8).

use super::layout::Layout;
use crate::domain::hex_types::{Address, H256};
use crate::domain::ids::AccountId;
use crate::domain::tx::WithdrawNft;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`WithdrawNft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawNftOp {
    /// The transaction.
    pub tx: WithdrawNft,
    /// Id of the NFT's creator.
    pub creator_id: AccountId,
    /// Address of the creator.
    pub creator_address: Address,
    /// Number of the NFT among those of its creator.
    pub serial_id: u32,
    /// Hash of the NFT's content.
    pub content_hash: H256,
}

impl Layout for WithdrawNftOp {
    const OP_CODE: u8 = 0x0a;
    const CHUNKS: usize = 10;
    const IS_ONCHAIN: bool = true;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        data.account(self.tx.account_id)
            .account(self.creator_id)
            .address(&self.creator_address)
            .u32(self.serial_id)
            .bytes(&self.content_hash.0)
            .address(&self.tx.to)
            .token(self.tx.token)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)
    }
}
