//! Transfer to a known account (spec 03 §6).

use super::{OpError, Reader, Writer};
use crate::domain::{
    AccountId, Address, CHUNK_BYTES, LEGACY_CHUNK_BYTES, Nonce, TimeRange, Transfer, TxSignature,
};
use serde::{Deserialize, Serialize};

/// An executed [`Transfer`] to an existing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOp {
    /// The transaction.
    pub tx: Transfer,
    /// Sender.
    pub from: AccountId,
    /// Recipient.
    pub to: AccountId,
}

impl TransferOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x05;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 2;

    /// `05 ‖ from ‖ token ‖ to ‖ amount packed ‖ fee packed`.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.from)
            .token(self.tx.token)
            .account(self.to)
            .packed_amount(&self.tx.amount)?
            .packed_fee(&self.tx.fee)?
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; addresses, nonce, validity and signature are lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * LEGACY_CHUNK_BYTES, true)?)
    }

    fn read(mut data: Reader<'_>) -> Result<Self, OpError> {
        let from = data.account()?;
        let token = data.token()?;
        let to = data.account()?;
        let tx = Transfer {
            account_id: from,
            from: Address::default(),
            to: Address::default(),
            token,
            amount: data.packed_amount()?,
            fee: data.packed_fee()?,
            nonce: Nonce(0),
            time_range: Some(TimeRange::default()),
            signature: TxSignature::default(),
        };
        Ok(Self { tx, from, to })
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.from, self.to]
    }
}
