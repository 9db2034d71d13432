//! ChangePubKey operation (spec 03 §10).

use super::{OpError, Reader, Writer};
use crate::domain::{AccountId, CHUNK_BYTES, ChangePubKey, TimeRange, TxSignature};
use serde::{Deserialize, Serialize};

/// An executed [`ChangePubKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePubKeyOp {
    /// The transaction.
    pub tx: ChangePubKey,
    /// Account.
    pub account_id: AccountId,
}

impl ChangePubKeyOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x07;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 6;
    /// Bytes before the padding.
    const SIGNIFICANT_BYTES: usize = 55;
    /// The same with a two-byte token.
    const LEGACY_SIGNIFICANT_BYTES: usize = 53;

    /// `07 ‖ account ‖ new key hash ‖ address ‖ nonce ‖ fee token ‖ fee packed`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.account_id)
            .bytes(&self.tx.new_pk_hash.0)
            .address(&self.tx.account)
            .nonce(self.tx.nonce)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)?
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; validity, signature and authorisation are lost. The padding may be missing.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::at_least(data, Self::SIGNIFICANT_BYTES, false)?)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(Reader::at_least(data, Self::LEGACY_SIGNIFICANT_BYTES, true)?)
    }

    fn read(mut data: Reader<'_>) -> Result<Self, OpError> {
        let account_id = data.account()?;
        let tx = ChangePubKey {
            account_id,
            new_pk_hash: data.pub_key_hash()?,
            account: data.address()?,
            nonce: data.nonce()?,
            fee_token: data.token()?,
            fee: data.packed_fee()?,
            signature: TxSignature::default(),
            eth_signature: None,
            eth_auth_data: None,
            time_range: Some(TimeRange::default()),
            chain_id: None,
        };
        Ok(Self { tx, account_id })
    }

    /// What the contract needs to check the authorisation; see [`ChangePubKey::eth_witness`].
    pub fn eth_witness(&self) -> Vec<u8> {
        self.tx.eth_witness()
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.account_id]
    }
}
