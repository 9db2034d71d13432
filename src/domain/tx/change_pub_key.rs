//! ChangePubKey (spec 02 §2, 03 §3.4).

use super::{SignedForms, TimeRange, TxSignature, TxVersion, WireError, Writer};
use crate::domain::{AccountId, Address, H256, Nonce, PackedEthSignature, PubKeyHash, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Sets the signing key of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangePubKey {
    /// Account.
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
    /// Authorisation of the oldest form, superseded by `eth_auth_data`.
    pub eth_signature: Option<PackedEthSignature>,
    /// How the owner of the address authorised the change; absent in old transactions.
    pub eth_auth_data: Option<ChangePubKeyEthAuthData>,
    /// Validity; absent in old transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
    /// Ethereum chain, needed for `EIP712` only.
    pub chain_id: Option<u64>,
}

/// Authorisation by the owner of the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ChangePubKeyEthAuthData {
    /// A transaction on Ethereum.
    Onchain {},
    /// Signature of a text message.
    #[serde(rename = "ECDSA")]
    Ecdsa {
        /// The owner's signature.
        eth_signature: PackedEthSignature,
        /// Hash of the batch the transaction is part of; zero outside of one.
        #[serde(default)]
        batch_hash: H256,
    },
    /// Address derived from the key.
    #[serde(rename = "CREATE2")]
    Create2 {
        /// Deploying contract.
        creator_address: Address,
        /// Part of the salt; the other is the key hash.
        salt_arg: H256,
        /// Hash of the deployed code.
        code_hash: H256,
    },
    /// Signature of typed data.
    #[serde(rename = "EIP712")]
    Eip712 {
        /// The owner's signature.
        eth_signature: PackedEthSignature,
        /// Hash of the batch the transaction is part of; zero outside of one.
        #[serde(default)]
        batch_hash: H256,
    },
}

impl ChangePubKey {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x07;

    /// Current signed form: `f8 01 ‖ account ‖ address ‖ new key hash ‖ fee token ‖ fee packed ‖ nonce ‖ validity`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
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

    /// Old signed form, with the validity only if there is one; a token that does not fit two bytes is cut off.
    pub fn legacy_signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        let message = Writer::new(Self::TX_TYPE)
            .account(self.account_id)
            .address(&self.account)
            .bytes(&self.new_pk_hash.0)
            .legacy_token(self.fee_token)
            .packed_fee(&self.fee)?
            .nonce(self.nonce);
        Ok(self.time_range.into_iter().fold(message, Writer::time_range).finish())
    }

    /// Hash of the key that signed, and the form it signed; the old form is tried first. `None` if neither verifies.
    pub fn verify_signature(&self) -> Option<(PubKeyHash, TxVersion)> {
        self.signed_forms().verify()
    }

    /// The signature with the forms it may be over.
    pub fn signed_forms(&self) -> SignedForms {
        let legacy = Some(self.legacy_signed_bytes());
        SignedForms::new(self.signature, legacy, self.signed_bytes())
    }

    /// What the contract needs to check the authorisation (spec 03 §3.4): a byte for its kind and its data; empty if the
    /// contract has it already.
    pub fn eth_witness(&self) -> Vec<u8> {
        use ChangePubKeyEthAuthData::{Create2, Ecdsa, Eip712, Onchain};
        match (&self.eth_auth_data, &self.eth_signature) {
            (Some(Onchain {}), _) | (None, None) => Vec::new(),
            (Some(Ecdsa { eth_signature, .. }), _) => [&[0x00][..], &eth_signature.to_bytes()].concat(),
            (Some(Create2 { creator_address, salt_arg, code_hash }), _) => {
                [&[0x01][..], &creator_address.0, &salt_arg.0, &code_hash.0].concat()
            }
            (None, Some(eth_signature)) => [&[0x02][..], &eth_signature.to_bytes()].concat(),
            (Some(Eip712 { eth_signature, .. }), _) => [&[0x04][..], &eth_signature.to_bytes()].concat(),
        }
    }
}
