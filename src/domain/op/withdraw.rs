//! Withdraw operation (spec 03 §7).

use super::{OpError, Reader, Writer};
use crate::domain::{
    AccountId, Address, CHUNK_BYTES, LEGACY_CHUNK_BYTES, Nonce, TimeRange, TxSignature, Withdraw,
};
use serde::{Deserialize, Serialize};

/// An executed [`Withdraw`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawOp {
    /// The transaction.
    pub tx: Withdraw,
    /// Sender.
    pub account_id: AccountId,
}

impl WithdrawOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x03;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 6;
    /// First byte of the withdrawal data.
    const WITHDRAWAL_TYPE: u8 = 0x01;

    /// `03 ‖ account ‖ token ‖ amount 16 ‖ fee packed ‖ to`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.account_id)
            .token(self.tx.token)
            .amount(&self.tx.amount)?
            .packed_fee(&self.tx.fee)?
            .address(&self.tx.to)
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
        let account_id = data.account()?;
        let tx = Withdraw {
            account_id,
            from: Address::default(),
            token: data.token()?,
            amount: data.amount()?,
            fee: data.packed_fee()?,
            to: data.address()?,
            nonce: Nonce(0),
            signature: TxSignature::default(),
            fast: false,
            time_range: Some(TimeRange::default()),
        };
        Ok(Self { tx, account_id })
    }

    /// `01 ‖ to ‖ token ‖ amount 16`.
    pub fn withdrawal_data(&self) -> Result<Vec<u8>, OpError> {
        let data = Writer::new(Self::WITHDRAWAL_TYPE).address(&self.tx.to).token(self.tx.token);
        Ok(data.amount(&self.tx.amount)?.finish())
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.account_id]
    }
}
