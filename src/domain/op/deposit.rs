//! Deposit operation (spec 03 §5).

use super::{OpError, Reader, Writer};
use crate::domain::{AccountId, Address, CHUNK_BYTES, Deposit, LEGACY_CHUNK_BYTES};
use serde::{Deserialize, Serialize};

/// An executed [`Deposit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositOp {
    /// The request.
    pub priority_op: Deposit,
    /// Account that was credited.
    pub account_id: AccountId,
}

impl DepositOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x01;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 6;

    /// `01 ‖ account ‖ token ‖ amount 16 ‖ to`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.account_id)
            .token(self.priority_op.token)
            .amount(&self.priority_op.amount)?
            .address(&self.priority_op.to)
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; the sender's address is lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * LEGACY_CHUNK_BYTES, true)?)
    }

    fn read(mut data: Reader<'_>) -> Result<Self, OpError> {
        Ok(Self {
            account_id: data.account()?,
            priority_op: Deposit {
                from: Address::default(),
                token: data.token()?,
                amount: data.amount()?,
                to: data.address()?,
            },
        })
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.account_id]
    }
}
