//! Priority operations: requests made on Ethereum (docs/protocol/02-types-json.md §3).

use crate::domain::amount;
use crate::domain::hex_types::{Address, H256};
use crate::domain::ids::{AccountId, TokenId};
use num_bigint::BigUint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A request to move an amount from Ethereum into the rollup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// Ethereum address of the sender.
    pub from: Address,
    /// Deposited token.
    pub token: TokenId,
    /// Deposited amount.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Address of the recipient in the rollup.
    pub to: Address,
}

/// A request to withdraw the whole balance of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullExit {
    /// Id of the account.
    pub account_id: AccountId,
    /// Address of the requester; it receives the funds if it owns the account.
    pub eth_address: Address,
    /// Token of the balance.
    pub token: TokenId,
    /// True for a request from before contracts version 6. Read, never written.
    #[serde(default, skip_serializing)]
    pub is_legacy: bool,
}

/// A request of either kind; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ZkSyncPriorityOp {
    Deposit(Deposit),
    FullExit(FullExit),
}

/// A request with its position in the Ethereum chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityOp {
    /// Number in the priority queue of the contract.
    pub serial_id: u64,
    /// The request.
    pub data: ZkSyncPriorityOp,
    /// Number of the Ethereum block by which it must be processed.
    pub deadline_block: u64,
    /// Hash of the Ethereum transaction; JSON is an array of byte values, left-padded with zeros if
    /// it is short.
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_padded_bytes")]
    pub eth_hash: H256,
    /// Number of the Ethereum block that contains the transaction.
    pub eth_block: u64,
    /// Index of the transaction in that block.
    pub eth_block_index: Option<u64>,
}

fn write_bytes<S: Serializer>(hash: &H256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(hash.0)
}

fn read_padded_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<H256, D::Error> {
    let bytes = Vec::<u8>::deserialize(deserializer)?;
    H256::padded(&bytes).ok_or_else(|| serde::de::Error::custom("eth_hash is longer than 32 bytes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn with_hash(hash: &str) -> String {
        format!(
            r#"{{"serial_id":7,"data":{{"type":"FullExit","account_id":1,"eth_address":"0x{}","token":2,"is_legacy":true}},"deadline_block":100,"eth_hash":{hash},"eth_block":5}}"#,
            "11".repeat(20)
        )
    }

    #[test]
    fn short_hash_is_padded_and_long_hash_refused() {
        let op: PriorityOp = serde_json::from_str(&with_hash("[1,2]")).unwrap();
        assert_eq!(op.eth_hash.0[29..], [0, 1, 2]);
        assert!(serde_json::from_str::<PriorityOp>(&with_hash(&format!("{:?}", vec![0; 33]))).is_err());
        assert!(serde_json::from_str::<PriorityOp>(&with_hash("[256]")).is_err());
        assert!(serde_json::from_str::<PriorityOp>(&with_hash("\"0x00\"")).is_err());
    }

    #[test]
    fn legacy_flag_is_read_but_not_written() {
        let op: PriorityOp = serde_json::from_str(&with_hash("[]")).unwrap();
        let ZkSyncPriorityOp::FullExit(exit) = &op.data else { panic!() };
        assert!(exit.is_legacy);
        assert!(!serde_json::to_string(&op).unwrap().contains("is_legacy"));
    }
}
