//! MintNFT operation (spec 03 §12).

use super::{OpError, Reader, Writer};
use crate::domain::{AccountId, Address, CHUNK_BYTES, MintNft, NFT_STORAGE_ACCOUNT_ID, Nonce, TxSignature};
use serde::{Deserialize, Serialize};

/// An executed [`MintNft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintNftOp {
    /// The transaction.
    pub tx: MintNft,
    /// Creator.
    pub creator_account_id: AccountId,
    /// First owner.
    pub recipient_account_id: AccountId,
}

impl MintNftOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x09;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 5;

    /// `09 ‖ creator ‖ recipient ‖ content hash ‖ fee token ‖ fee packed`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.creator_account_id)
            .account(self.recipient_account_id)
            .bytes(&self.tx.content_hash.0)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)?
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; addresses, nonce and signature are lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        let mut data = Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?;
        let creator_account_id = data.account()?;
        let recipient_account_id = data.account()?;
        let tx = MintNft {
            creator_id: creator_account_id,
            creator_address: Address::default(),
            content_hash: data.hash()?,
            recipient: Address::default(),
            fee_token: data.token()?,
            fee: data.packed_fee()?,
            nonce: Nonce(0),
            signature: TxSignature::default(),
        };
        Ok(Self { tx, creator_account_id, recipient_account_id })
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.recipient_account_id, self.creator_account_id, NFT_STORAGE_ACCOUNT_ID]
    }
}
