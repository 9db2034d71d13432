//! Close operation: disabled in the protocol, kept for reading old data (spec 03 §14).

use super::{OpError, Reader, Writer};
use crate::domain::{
    AccountId, Address, CHUNK_BYTES, Close, LEGACY_CHUNK_BYTES, Nonce, TimeRange, TxSignature,
};
use serde::{Deserialize, Serialize};

/// An executed [`Close`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOp {
    /// The transaction.
    pub tx: Close,
    /// Account that was closed.
    pub account_id: AccountId,
}

impl CloseOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x04;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 1;

    /// `04 ‖ account`, padded.
    pub fn public_data(&self) -> Vec<u8> {
        Writer::new(Self::OP_CODE).account(self.account_id).padded(Self::CHUNKS * CHUNK_BYTES)
    }

    /// Inverse of [`Self::public_data`]; everything but the account id is lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * LEGACY_CHUNK_BYTES, true)?)
    }

    fn read(mut data: Reader<'_>) -> Result<Self, OpError> {
        let tx = Close {
            account: Address::default(),
            nonce: Nonce(0),
            signature: TxSignature::default(),
            time_range: TimeRange::default(),
        };
        Ok(Self { tx, account_id: data.account()? })
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.account_id]
    }
}
