//! Sealed blocks, their public data and their commitment (docs/protocol/02-types-json.md §6,
//! docs/protocol/05-blocks.md §5).

use crate::crypto::{Fr, bits, fr};
use crate::domain::account_update::AccountUpdates;
use crate::domain::executed::ExecutedOperations;
use crate::domain::gas::{GasLimits, gas_limits};
use crate::domain::hex_types::H256;
use crate::domain::ids::{AccountId, BlockNumber, CHUNK_BYTES};
use crate::domain::op::ZkSyncOp;
use crate::domain::u256::U256;
use crate::domain::wire::WireError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A sealed block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Number of the block.
    pub block_number: BlockNumber,
    /// Root of the account tree after the block.
    #[serde(with = "fr::serde_fr")]
    pub new_root_hash: Fr,
    /// Id of the account that receives the fees.
    pub fee_account: AccountId,
    /// Successful operations in order, then failed transactions.
    pub block_transactions: Vec<ExecutedOperations>,
    /// Number of the next priority operation before and after the block.
    pub processed_priority_ops: (u64, u64),
    /// Size of the block in chunks, padding included.
    pub block_chunks_size: usize,
    /// Gas limit of the commit.
    pub commit_gas_limit: U256,
    /// Gas limit of the execution.
    pub verify_gas_limit: U256,
    /// Commitment to the block (docs/protocol/05-blocks.md §5.1).
    pub block_commitment: H256,
    /// Time of the block in Unix seconds.
    pub timestamp: u64,
}

/// A block with its account updates: the content of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedBlock {
    /// The block.
    pub block: Block,
    /// Its account updates: those of the operations in order, then the fees.
    pub accounts_updated: AccountUpdates,
}

/// Maximum number of chunks in a block: a hundred times the largest circuit, and small enough to
/// allocate.
const MAX_BLOCK_CHUNKS: usize = 1 << 16;

/// The reason why a block has no public data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BlockError {
    /// An operation has no public data.
    #[error("operation {index} ({kind}): {source}")]
    Operation {
        /// Position in `block_transactions`.
        index: usize,
        /// Kind of the operation.
        kind: &'static str,
        /// The cause.
        source: WireError,
    },
    /// The operations need more chunks than the block has.
    #[error("operations need {used} chunks, the block has {size}")]
    TooManyChunks {
        /// Number of chunks of all operations.
        used: usize,
        /// Size of the block in chunks.
        size: usize,
    },
    /// The block claims more chunks than any circuit could have.
    #[error("a block of {0} chunks is larger than any circuit")]
    Oversized(usize),
}

impl Block {
    /// Returns true if both are readings of one block. The failed transactions, which have no effect,
    /// may differ, and so may what a node's database does not keep of the times: when a transaction
    /// arrived, and digits below the microsecond (docs/protocol/09-node-database.md §1).
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let lasting = |block: &Self| {
            let executed = block.block_transactions.iter().filter_map(ExecutedOperations::lasting);
            Self { block_transactions: executed.collect(), ..block.clone() }
        };
        self == other || lasting(self) == lasting(other)
    }

    /// Returns the operations in order; failed transactions have none.
    pub fn ops(&self) -> impl Iterator<Item = &ZkSyncOp> {
        self.block_transactions.iter().filter_map(ExecutedOperations::op)
    }

    /// Returns the number of chunks of all operations, without padding.
    pub fn chunks_used(&self) -> usize {
        self.ops().map(ZkSyncOp::chunks).sum()
    }

    /// Returns the public data of all operations, filled up with zeros to `block_chunks_size`
    /// chunks.
    ///
    /// # Errors
    /// If an operation has no public data, or the operations do not fit the block.
    pub(crate) fn public_data(&self) -> Result<Vec<u8>, BlockError> {
        self.check_size()?;
        let mut data = Vec::with_capacity(self.block_chunks_size * CHUNK_BYTES);
        for (index, executed) in self.block_transactions.iter().enumerate() {
            let Some(op) = executed.op() else { continue };
            let error = |source| BlockError::Operation { index, kind: op.kind(), source };
            let op_data = op.public_data().map_err(error)?;
            // Differs for a FullExit from before contracts version 6, which a current block cannot
            // contain.
            let expected = op.chunks() * CHUNK_BYTES;
            if op_data.len() != expected {
                return Err(error(WireError::Length { expected, actual: op_data.len() }));
            }
            data.extend(op_data);
        }
        data.resize(self.block_chunks_size * CHUNK_BYTES, 0);
        Ok(data)
    }

    /// Returns one byte per chunk: 1 at the first chunk of every operation that the contract
    /// processes.
    ///
    /// # Errors
    /// If the operations do not fit the block.
    pub(crate) fn onchain_op_commitment(&self) -> Result<Vec<u8>, BlockError> {
        self.check_size()?;
        let mut flags = vec![0; self.block_chunks_size];
        let mut chunk = 0;
        for op in self.ops() {
            flags[chunk] = u8::from(op.is_onchain());
            chunk += op.chunks();
        }
        Ok(flags)
    }

    /// Returns the commitment to the block on top of the root of the previous block
    /// (docs/protocol/05-blocks.md §5.1).
    ///
    /// It equals `block_commitment` in a valid block. The circuit's public input is the same
    /// without the top three bits ([`public_input`]).
    ///
    /// # Errors
    /// If the block has no public data.
    pub fn compute_commitment(&self, previous_root: &Fr) -> Result<H256, BlockError> {
        let mut hash = sha256(&[&word(self.block_number.0.into()), &word(self.fee_account.0.into())]);
        for next in [fr::to_bytes(previous_root), fr::to_bytes(&self.new_root_hash), word(self.timestamp)] {
            hash = sha256(&[&hash, &next]);
        }
        Ok(H256(sha256(&[&hash, &self.public_data()?, &self.onchain_op_commitment()?])))
    }

    /// Returns the gas limits that follow from the operations.
    pub fn compute_gas_limits(&self) -> GasLimits {
        gas_limits(self.ops())
    }

    fn check_size(&self) -> Result<(), BlockError> {
        let size = self.block_chunks_size;
        if size > MAX_BLOCK_CHUNKS {
            return Err(BlockError::Oversized(size));
        }
        match self.chunks_used() {
            used if used > size => Err(BlockError::TooManyChunks { used, size }),
            _ => Ok(()),
        }
    }
}

/// Returns the public input of the circuit for a block: its commitment without the top three bits,
/// which makes it a field element.
pub fn public_input(commitment: &H256) -> Fr {
    let bits = bits::be_bits(&commitment.0);
    let low: Vec<bool> = bits[3..].iter().rev().copied().collect();
    bits::le_bits_to_fr(&low)
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// Returns the value as 32 big-endian bytes.
fn word(value: u64) -> [u8; 32] {
    U256::from(value).0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use chrono::Timelike;

    use super::*;
    use crate::domain::ExecutedTx;

    const ROOT: &str = "15720b18c3b91c4e2ecc13554322608c032f7975d2de16b1b366730712d97c45";

    fn empty_block() -> Block {
        serde_json::from_value(serde_json::json!({
            "block_number": 1, "new_root_hash": ROOT, "fee_account": 0, "block_transactions": [],
            "processed_priority_ops": [0, 0], "block_chunks_size": 26, "commit_gas_limit": "0x102fc",
            "verify_gas_limit": "0x32c8", "block_commitment": format!("0x{}", "00".repeat(32)), "timestamp": 0x12345678
        }))
        .unwrap()
    }

    #[test]
    fn readings_of_one_block_may_differ_in_what_a_node_does_not_keep() {
        let (mut failed, mut successful) = (0, 0);
        for number in 1..=8 {
            let file = format!("{}/data/sample-chain/blocks/{number:06}.json", env!("CARGO_MANIFEST_DIR"));
            let imported: ImportedBlock = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let block = imported.block;
            let mut other = block.clone();
            other.block_transactions.retain(|executed| executed.op().is_some());
            failed += block.block_transactions.len() - other.block_transactions.len();
            for executed in &mut other.block_transactions {
                let ExecutedOperations::Tx(tx) = executed else { continue };
                tx.created_at +=
                    chrono::TimeDelta::nanoseconds(999 - i64::from(tx.created_at.nanosecond() % 1_000));
                tx.signed_tx.created_at += chrono::TimeDelta::hours(1);
            }
            assert!(block.is_same_as(&other) && other.is_same_as(&block), "{number}");
            let changes: [&dyn Fn(&mut ExecutedTx); 4] = [
                &|tx| tx.created_at += chrono::TimeDelta::microseconds(1),
                &|tx| tx.batch_id = Some(77),
                &|tx| tx.block_index = Some(77),
                &|tx| tx.signed_tx.eth_sign_data = None,
            ];
            for (position, executed) in other.block_transactions.iter().enumerate() {
                let ExecutedOperations::Tx(tx) = executed else { continue };
                successful += 1;
                for change in changes {
                    let mut changed = tx.clone();
                    change(&mut changed);
                    let mut differs = other.clone();
                    let is_changed = changed != *tx;
                    differs.block_transactions[position] = ExecutedOperations::Tx(changed);
                    assert_eq!(block.is_same_as(&differs), !is_changed, "{number} {position}");
                }
            }
            other.block_transactions.pop();
            assert!(!block.is_same_as(&other), "{number}");
        }
        assert!(failed > 0 && successful > 0);
    }

    /// The vector of docs/protocol/04-witness.md §7.
    #[test]
    fn commitment_of_an_empty_block() {
        let block = empty_block();
        let commitment = block.compute_commitment(&block.new_root_hash).unwrap();
        assert_eq!(
            commitment.to_string(),
            "0xa9d10d75bc04016b3ed61908dab2f13c594028eb8456aa81f35c78987d81919b"
        );
        assert_eq!(
            fr::to_hex(&public_input(&commitment)),
            "09d10d75bc04016b3ed61908dab2f13c594028eb8456aa81f35c78987d81919b"
        );
    }

    #[test]
    fn json_keys_are_in_the_order_of_the_specification() {
        let text = serde_json::to_string(&empty_block()).unwrap();
        assert!(text.starts_with(&format!(
            r#"{{"block_number":1,"new_root_hash":"{ROOT}","fee_account":0,"block_transactions":[],"processed_priority_ops":[0,0],"block_chunks_size":26,"commit_gas_limit":"0x102fc","verify_gas_limit":"0x32c8","block_commitment":"0x"#
        )));
    }

    #[test]
    fn sizes_below_the_operations_and_above_the_limit_are_refused() {
        let mut block = empty_block();
        let root = block.new_root_hash;
        block.block_chunks_size = usize::MAX;
        assert_eq!(block.compute_commitment(&root), Err(BlockError::Oversized(usize::MAX)));
        let noop: ExecutedOperations = serde_json::from_value(serde_json::json!({
            "type": "PriorityOp", "op": {"type": "Noop"}, "block_index": 0, "created_at": "2021-12-09T13:26:11+01:00",
            "priority_op": {"serial_id": 0, "deadline_block": 0, "eth_hash": [], "eth_block": 0, "eth_block_index": null,
                "data": {"type": "FullExit", "account_id": 0, "eth_address": format!("0x{}", "00".repeat(20)), "token": 0}}
        }))
        .unwrap();
        assert!(serde_json::to_string(&noop).unwrap().contains(r#""created_at":"2021-12-09T12:26:11Z""#));
        block.block_chunks_size = 1;
        block.block_transactions = vec![noop; 2];
        assert_eq!(block.public_data(), Err(BlockError::TooManyChunks { used: 2, size: 1 }));
    }
}
