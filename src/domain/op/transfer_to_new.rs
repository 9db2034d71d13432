//! Transfer that creates its recipient (spec 03 §6).

use super::{OpError, Reader, Writer};
use crate::domain::{
    AccountId, Address, CHUNK_BYTES, LEGACY_CHUNK_BYTES, Nonce, TimeRange, Transfer, TxSignature,
};
use serde::{Deserialize, Serialize};

/// An executed [`Transfer`] to an address without account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferToNewOp {
    /// The transaction.
    pub tx: Transfer,
    /// Sender.
    pub from: AccountId,
    /// Account that was created.
    pub to: AccountId,
}

impl TransferToNewOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x02;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 6;

    /// `02 ‖ from ‖ token ‖ amount packed ‖ to address ‖ to ‖ fee packed`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.from)
            .token(self.tx.token)
            .packed_amount(&self.tx.amount)?
            .address(&self.tx.to)
            .account(self.to)
            .packed_fee(&self.tx.fee)?
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; the sender's address, nonce, validity and signature are lost.
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
        let amount = data.packed_amount()?;
        let to_address = data.address()?;
        let to = data.account()?;
        let tx = Transfer {
            account_id: from,
            from: Address::default(),
            to: to_address,
            token,
            amount,
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
