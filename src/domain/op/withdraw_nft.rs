//! WithdrawNFT operation (spec 03 §8).

use super::{OpError, Reader, Writer};
use crate::domain::{AccountId, Address, CHUNK_BYTES, H256, Nonce, TimeRange, TxSignature, WithdrawNft};
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

impl WithdrawNftOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x0a;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 10;
    /// First byte of the withdrawal data.
    const WITHDRAWAL_TYPE: u8 = 0x01;

    /// `0a ‖ account ‖ creator ‖ creator address ‖ serial id ‖ content hash ‖ to ‖ nft ‖ fee token ‖ fee packed`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.tx.account_id)
            .account(self.creator_id)
            .address(&self.creator_address)
            .u32(self.serial_id)
            .bytes(&self.content_hash.0)
            .address(&self.tx.to)
            .token(self.tx.token)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)?
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; the owner's address, nonce, validity and signature are lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        let mut data = Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?;
        let account_id = data.account()?;
        Ok(Self {
            creator_id: data.account()?,
            creator_address: data.address()?,
            serial_id: data.u32()?,
            content_hash: data.hash()?,
            tx: WithdrawNft {
                account_id,
                from: Address::default(),
                to: data.address()?,
                token: data.token()?,
                fee_token: data.token()?,
                fee: data.packed_fee()?,
                nonce: Nonce(0),
                signature: TxSignature::default(),
                fast: false,
                time_range: TimeRange::default(),
            },
        })
    }

    /// `01 ‖ to ‖ token`.
    pub fn withdrawal_data(&self) -> Vec<u8> {
        Writer::new(Self::WITHDRAWAL_TYPE).address(&self.tx.to).token(self.tx.token).finish()
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.tx.account_id]
    }
}
