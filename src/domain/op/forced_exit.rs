//! ForcedExit operation (spec 03 §11).

use super::{OpError, Reader, Writer};
use crate::domain::{
    AccountId, CHUNK_BYTES, ForcedExit, LEGACY_CHUNK_BYTES, Nonce, TimeRange, TxSignature, amount,
};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An executed [`ForcedExit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedExitOp {
    /// The transaction.
    pub tx: ForcedExit,
    /// Account that was emptied.
    pub target_account_id: AccountId,
    /// What is withdrawn; absent counts as zero.
    #[serde(default, with = "amount::option")]
    pub withdraw_amount: Option<BigUint>,
}

impl ForcedExitOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x08;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 6;
    /// First byte of the withdrawal data.
    const WITHDRAWAL_TYPE: u8 = 0x01;

    /// `08 ‖ initiator ‖ target ‖ token ‖ amount 16 ‖ fee packed ‖ target address`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.tx.initiator_account_id)
            .account(self.target_account_id)
            .token(self.tx.token)
            .amount(&self.withdraw_amount.clone().unwrap_or_default())?
            .packed_fee(&self.tx.fee)?
            .address(&self.tx.target)
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; nonce, validity and signature are lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::exactly(data, Self::CHUNKS * LEGACY_CHUNK_BYTES, true)?)
    }

    fn read(mut data: Reader<'_>) -> Result<Self, OpError> {
        let initiator_account_id = data.account()?;
        let target_account_id = data.account()?;
        let token = data.token()?;
        let withdraw_amount = Some(data.amount()?);
        let tx = ForcedExit {
            initiator_account_id,
            token,
            fee: data.packed_fee()?,
            target: data.address()?,
            nonce: Nonce(0),
            signature: TxSignature::default(),
            time_range: Some(TimeRange::default()),
        };
        Ok(Self { tx, target_account_id, withdraw_amount })
    }

    /// `01 ‖ target address ‖ token ‖ amount 16`.
    pub fn withdrawal_data(&self) -> Result<Vec<u8>, OpError> {
        let data = Writer::new(Self::WITHDRAWAL_TYPE).address(&self.tx.target).token(self.tx.token);
        Ok(data.amount(&self.withdraw_amount.clone().unwrap_or_default())?.finish())
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.target_account_id, self.tx.initiator_account_id]
    }
}
