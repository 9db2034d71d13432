//! The JSON of a witness (docs/protocol/02-types-json.md §11). Keys are written in alphabetical
//! order, as in the stored witnesses of the reference, and read in any order.

use std::fmt;

use franklin_crypto::bellman::pairing::ff::Field;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crypto::{Fr, fr};

/// A field element of the witness: 64 hex digits, or `null`. Never `null` in a witness of this
/// server.
///
/// A newtype rather than an `Option` so that a missing key is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(pub Option<Fr>);

impl From<Fr> for Element {
    fn from(value: Fr) -> Self {
        Self(Some(value))
    }
}

/// The digits of zero.
const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(value) = &self.0 else { return serializer.serialize_none() };
        // Fast path: two of three elements are zero.
        if value.is_zero() {
            return serializer.serialize_str(ZERO);
        }
        let mut digits = [0; 64];
        hex::encode_to_slice(fr::to_bytes(value), &mut digits).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(std::str::from_utf8(&digits).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Element;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field element in hex, or null")
            }
            fn visit_str<E: serde::de::Error>(self, digits: &str) -> Result<Element, E> {
                fr::from_hex(digits).map(Element::from).map_err(E::custom)
            }
            fn visit_unit<E: serde::de::Error>(self) -> Result<Element, E> {
                Ok(Element(None))
            }
        }
        // serde would read a missing key of an `Option` as `None`.
        deserializer.deserialize_any(Digits)
    }
}

/// The 256 bits of a packed point or scalar.
pub(crate) type Bits = Vec<Option<bool>>;

/// Witness of a block, the input of a prover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // names of the circuit; docs/protocol/04-witness.md defines each
pub struct ProverData {
    pub block_number: Element,
    pub block_timestamp: Element,
    pub initial_used_subtree_root: Element,
    pub new_root: Element,
    pub old_root: Element,
    /// One per chunk.
    pub operations: Vec<Operation>,
    pub public_data_commitment: Element,
    pub validator_account: AccountWitness,
    /// Id of the fee account.
    pub validator_address: Element,
    /// 32 items.
    pub validator_audit_path: Vec<Element>,
    /// 1024 items.
    pub validator_balances: Vec<Element>,
    /// 22 items.
    pub validator_non_processable_tokens_audit_after_fees: Vec<Element>,
    /// 22 items.
    pub validator_non_processable_tokens_audit_before_fees: Vec<Element>,
}

/// Witness of one chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct Operation {
    pub args: OperationArguments,
    pub chunk: Element,
    pub first_sig_msg: Element,
    pub lhs: OperationBranch,
    pub new_root: Element,
    pub pubdata_chunk: Element,
    pub rhs: OperationBranch,
    pub second_sig_msg: Element,
    pub signature_data: SignatureBits,
    pub signer_pub_key_packed: Bits,
    pub third_sig_msg: Element,
    pub tx_type: Element,
}

/// A signature as bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct SignatureBits {
    pub r_packed: Bits,
    pub s: Bits,
}

/// Arguments of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct OperationArguments {
    pub a: Element,
    pub amount_packed: Element,
    pub b: Element,
    pub eth_address: Element,
    pub fee: Element,
    pub full_amount: Element,
    pub new_pub_key_hash: Element,
    pub pub_nonce: Element,
    pub second_amount_packed: Element,
    pub second_valid_from: Element,
    pub second_valid_until: Element,
    /// 5 items.
    pub special_accounts: Vec<Element>,
    /// 2 items.
    pub special_amounts: Vec<Element>,
    /// 256 items, each a bit.
    pub special_content_hash: Vec<Element>,
    /// 2 items.
    pub special_eth_addresses: Vec<Element>,
    /// 3 items.
    pub special_nonces: Vec<Element>,
    /// 4 items.
    pub special_prices: Vec<Element>,
    pub special_serial_id: Element,
    /// 3 items.
    pub special_tokens: Vec<Element>,
    pub valid_from: Element,
    pub valid_until: Element,
}

/// One side of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct OperationBranch {
    /// Id of the account.
    pub address: Element,
    pub token: Element,
    pub witness: BranchWitness,
}

/// The account, balance and paths of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct BranchWitness {
    /// 32 items.
    pub account_path: Vec<Element>,
    pub account_witness: AccountWitness,
    /// 32 items.
    pub balance_subtree_path: Vec<Element>,
    pub balance_value: Element,
}

/// The header of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct AccountWitness {
    pub address: Element,
    pub nonce: Element,
    pub pub_key_hash: Element,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_read_and_written_but_a_missing_key_is_refused() {
        let json = r#"{"address":null,"nonce":null,"pub_key_hash":"00000000000000000000000000000000000000000000000000000000000000ff"}"#;
        let witness: AccountWitness = serde_json::from_str(json).unwrap();
        assert_eq!(witness.pub_key_hash, Element::from(fr::from_u64(255)));
        assert_eq!(serde_json::to_string(&witness).unwrap(), json);
        assert!(serde_json::from_str::<AccountWitness>(r#"{"nonce":null,"address":null}"#).is_err());
    }
}
