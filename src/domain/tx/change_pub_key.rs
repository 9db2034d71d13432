//! ChangePubKey (docs/protocol/02-types-json.md §2, docs/protocol/03-operations.md §3.4).

use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::domain::amount;
use crate::domain::eth_signature::PackedEthSignature;
use crate::domain::hex_types::{Address, H256, PubKeyHash};
use crate::domain::ids::{AccountId, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A transaction that sets the signing key of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangePubKey {
    /// Id of the account.
    pub account_id: AccountId,
    /// Address of the account.
    pub account: Address,
    /// Hash of the new key.
    pub new_pk_hash: PubKeyHash,
    /// Token of the fee.
    #[serde(default)]
    pub fee_token: TokenId,
    /// Fee, packable.
    #[serde(default, with = "amount")]
    pub fee: BigUint,
    /// Nonce of the account.
    pub nonce: Nonce,
    /// Signature with the new key.
    #[serde(default)]
    pub signature: TxSignature,
    /// Authorisation in the oldest form, superseded by `eth_auth_data`.
    pub eth_signature: Option<PackedEthSignature>,
    /// Authorisation by the owner of the address; absent in legacy transactions.
    pub eth_auth_data: Option<ChangePubKeyEthAuthData>,
    /// Validity period; absent in legacy transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
    /// Id of the Ethereum chain; only `EIP712` needs it.
    pub chain_id: Option<u64>,
}

/// Authorisation of a new key by the owner of the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ChangePubKeyEthAuthData {
    /// A transaction on Ethereum.
    Onchain {},
    /// Signature of a text message.
    #[serde(rename = "ECDSA")]
    Ecdsa {
        /// Signature of the owner.
        eth_signature: PackedEthSignature,
        /// Hash of the batch that contains the transaction; zero outside of a batch.
        #[serde(default)]
        batch_hash: H256,
    },
    /// An address that is derived from the key.
    #[serde(rename = "CREATE2")]
    Create2 {
        /// Address of the deploying contract.
        creator_address: Address,
        /// First part of the salt; the other part is the key hash.
        salt_arg: H256,
        /// Hash of the deployed code.
        code_hash: H256,
    },
    /// Signature of typed data.
    #[serde(rename = "EIP712")]
    Eip712 {
        /// Signature of the owner.
        eth_signature: PackedEthSignature,
        /// Hash of the batch that contains the transaction; zero outside of a batch.
        #[serde(default)]
        batch_hash: H256,
    },
}

impl ChangePubKey {
    const TX_TYPE: u8 = 0x07;

    /// Returns the current signed form:
    /// `f8 01 ‖ account ‖ address ‖ new key hash ‖ fee token ‖ fee packed ‖ nonce ‖ validity`.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.account)
            .bytes(&self.new_pk_hash.0)
            .token(self.fee_token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce)
            .time_range(self.time_range.unwrap_or_default())
            .finish())
    }

    /// Returns the legacy signed form, which has the validity only if the transaction has one. A
    /// token that does not fit two bytes loses its high half.
    pub(crate) fn legacy_signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        let message = Writer::new(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.account)
            .bytes(&self.new_pk_hash.0)
            .legacy_token(self.fee_token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce);
        Ok(self.time_range.into_iter().fold(message, Writer::time_range).finish())
    }

    /// Returns the signature with the forms over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, Some(self.legacy_signed_bytes()), self.signed_bytes())
    }
}
