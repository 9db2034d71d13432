//! Priority operations: requests made on Ethereum (spec 02 §3).

use super::{AccountId, Address, H256, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Moves an amount from Ethereum into the rollup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// Ethereum address of the sender.
    pub from: Address,
    /// Token.
    pub token: TokenId,
    /// Amount.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Address that receives it in the rollup.
    pub to: Address,
}

/// Asks for the whole balance of an account to be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullExit {
    /// Account.
    pub account_id: AccountId,
    /// Who asked; receives the funds if it owns the account.
    pub eth_address: Address,
    /// Token.
    pub token: TokenId,
    /// Request from before contracts version 6. Read, never written.
    #[serde(default, skip_serializing)]
    pub is_legacy: bool,
}

/// Either request; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ZkSyncPriorityOp {
    Deposit(Deposit),
    FullExit(FullExit),
}

/// A request with its place in the Ethereum chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityOp {
    /// Number in the queue of the contract.
    pub serial_id: u64,
    /// The request.
    pub data: ZkSyncPriorityOp,
    /// Ethereum block by which it has to be processed.
    pub deadline_block: u64,
    /// Hash of the Ethereum transaction; JSON is an array of byte numbers, left-padded with zeros when short.
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_padded_bytes")]
    pub eth_hash: H256,
    /// Ethereum block of the transaction.
    pub eth_block: u64,
    /// Index of the transaction in it.
    pub eth_block_index: Option<u64>,
}

fn write_bytes<S: Serializer>(hash: &H256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(hash.0)
}

fn read_padded_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<H256, D::Error> {
    let bytes = Vec::<u8>::deserialize(deserializer)?;
    let start = 32usize
        .checked_sub(bytes.len())
        .ok_or_else(|| serde::de::Error::custom("eth_hash is longer than 32 bytes"))?;
    let mut hash = [0; 32];
    hash[start..].copy_from_slice(&bytes);
    Ok(H256(hash))
}
