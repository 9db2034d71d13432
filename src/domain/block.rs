//! Sealed blocks and what follows from their content (spec 02 §6, 05 §5).

use super::{
    AccountId, AccountUpdates, BlockNumber, CHUNK_BYTES, ExecutedOperations, GasLimits, H256, OpError, U256,
    ZkSyncOp, gas_limits,
};
use crate::crypto::{Fr, fr};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A sealed block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Number.
    pub block_number: BlockNumber,
    /// Root of the account tree after the block.
    #[serde(with = "fr::serde_fr")]
    pub new_root_hash: Fr,
    /// Account that receives the fees.
    pub fee_account: AccountId,
    /// Successful operations in order, then failed transactions.
    pub block_transactions: Vec<ExecutedOperations>,
    /// Number of the next priority operation before and after the block.
    pub processed_priority_ops: (u64, u64),
    /// Chunks of the block, padding included.
    pub block_chunks_size: usize,
    /// Gas limit of the commit.
    pub commit_gas_limit: U256,
    /// Gas limit of the execution.
    pub verify_gas_limit: U256,
    /// Commitment (spec 05 §5.1).
    pub block_commitment: H256,
    /// Unix seconds.
    pub timestamp: u64,
}

/// A block together with the account updates it made: what is imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedBlock {
    /// The block.
    pub block: Block,
    /// Its updates: those of the operations in order, then the fees.
    pub accounts_updated: AccountUpdates,
}

/// Largest number of chunks a block may claim: a hundred times what any circuit has, and small enough to allocate.
pub const MAX_BLOCK_CHUNKS: usize = 1 << 16;

/// Why a block has no public data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BlockError {
    /// An operation cannot be written.
    #[error("operation {index} ({kind}): {source}")]
    Operation {
        /// Position in `block_transactions`.
        index: usize,
        /// Name of the operation.
        kind: &'static str,
        /// What is wrong with it.
        source: OpError,
    },
    /// The operations need more chunks than the block has.
    #[error("operations need {used} chunks, the block has {size}")]
    TooManyChunks {
        /// Chunks of all operations.
        used: usize,
        /// Chunks of the block.
        size: usize,
    },
    /// The block claims more than [`MAX_BLOCK_CHUNKS`].
    #[error("a block of {0} chunks is beyond every limit")]
    Oversized(usize),
}

impl Block {
    /// What was executed, in order; failed transactions left out.
    pub fn ops(&self) -> impl Iterator<Item = &ZkSyncOp> {
        self.block_transactions.iter().filter_map(ExecutedOperations::op)
    }

    /// Chunks of all operations, padding excluded.
    pub fn chunks_used(&self) -> usize {
        self.ops().map(ZkSyncOp::chunks).sum()
    }

    /// Root of the account tree after the block as 32 big-endian bytes.
    pub fn root_bytes(&self) -> [u8; 32] {
        fr::to_bytes(&self.new_root_hash)
    }

    /// How many priority operations the block processed; `None` if the counters run backwards.
    pub fn priority_op_count(&self) -> Option<u64> {
        self.processed_priority_ops.1.checked_sub(self.processed_priority_ops.0)
    }

    /// Public data of all operations, filled up with zeros to `block_chunks_size` chunks.
    pub fn public_data(&self) -> Result<Vec<u8>, BlockError> {
        self.check_size()?;
        let mut data = Vec::with_capacity(self.block_chunks_size * CHUNK_BYTES);
        for (index, executed) in self.block_transactions.iter().enumerate() {
            let Some(op) = executed.op() else { continue };
            let error = |source| BlockError::Operation { index, kind: op.kind(), source };
            let op_data = op.public_data().map_err(error)?;
            // Differs for a FullExit from before contracts version 6, which no block of today can hold.
            let expected = op.chunks() * CHUNK_BYTES;
            if op_data.len() != expected {
                return Err(error(OpError::Length { expected, actual: op_data.len() }));
            }
            data.extend(op_data);
        }
        data.resize(self.block_chunks_size * CHUNK_BYTES, 0);
        Ok(data)
    }

    /// One byte a chunk: 1 at the first chunk of every operation the contract looks at.
    pub fn onchain_op_commitment(&self) -> Result<Vec<u8>, BlockError> {
        self.check_size()?;
        let mut flags = vec![0; self.block_chunks_size];
        let mut chunk = 0;
        for op in self.ops() {
            flags[chunk] = u8::from(op.is_onchain());
            chunk += op.chunks();
        }
        Ok(flags)
    }

    /// Commitment to the block on top of the root of the one before (spec 05 §5.1). Equals `block_commitment` in a valid
    /// block; the circuit's public input is the same without the top three bits ([`public_input`]).
    pub fn compute_commitment(&self, previous_root: &Fr) -> Result<H256, BlockError> {
        let mut hash = sha256(&[&word(self.block_number.0.into()), &word(self.fee_account.0.into())]);
        for next in [fr::to_bytes(previous_root), self.root_bytes(), word(self.timestamp)] {
            hash = sha256(&[&hash, &next]);
        }
        Ok(H256(sha256(&[&hash, &self.public_data()?, &self.onchain_op_commitment()?])))
    }

    /// Gas limits that follow from the operations.
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

/// Public input of the circuit for a block: its commitment without the top three bits, which makes it a field element.
pub fn public_input(commitment: &H256) -> Fr {
    let bits = crate::crypto::bits::be_bits(&commitment.0);
    let low: Vec<bool> = bits[3..].iter().rev().copied().collect();
    crate::crypto::bits::le_bits_to_fr(&low)
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// 32 big-endian bytes.
fn word(value: u64) -> [u8; 32] {
    U256::from(value).0
}

/// Why a list of block sizes is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockSizesError {
    /// No size at all.
    #[error("Block chunk sizes are empty")]
    Empty,
    /// Not strictly increasing.
    #[error("Block chunk sizes are not in order: {0:?}")]
    Order(Vec<usize>),
}

/// Checks a configured list of block sizes (in chunks): not empty, strictly increasing.
pub fn check_block_sizes(sizes: &[usize]) -> Result<(), BlockSizesError> {
    match sizes {
        [] => Err(BlockSizesError::Empty),
        _ if !sizes.is_sorted_by(|a, b| a < b) => Err(BlockSizesError::Order(sizes.to_vec())),
        _ => Ok(()),
    }
}

/// Size of a block that needs `chunks`: the first of the increasing `sizes` with room for them.
pub fn block_size_for(chunks: usize, sizes: &[usize]) -> Option<usize> {
    sizes.iter().copied().find(|size| *size >= chunks)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const ROOT: &str = "15720b18c3b91c4e2ecc13554322608c032f7975d2de16b1b366730712d97c45";

    fn empty_block() -> Block {
        serde_json::from_value(serde_json::json!({
            "block_number": 1, "new_root_hash": ROOT, "fee_account": 0, "block_transactions": [],
            "processed_priority_ops": [0, 0], "block_chunks_size": 26, "commit_gas_limit": "0x102fc",
            "verify_gas_limit": "0x32c8", "block_commitment": format!("0x{}", "00".repeat(32)), "timestamp": 0x12345678
        }))
        .unwrap()
    }

    /// Vector of spec 04 §7.
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
    fn json_is_in_the_order_of_the_specification() {
        let text = serde_json::to_string(&empty_block()).unwrap();
        assert!(text.starts_with(&format!(
            r#"{{"block_number":1,"new_root_hash":"{ROOT}","fee_account":0,"block_transactions":[],"processed_priority_ops":[0,0],"block_chunks_size":26,"commit_gas_limit":"0x102fc","verify_gas_limit":"0x32c8","block_commitment":"0x"#
        )));
    }

    #[test]
    fn sizes_that_do_not_fit_are_errors() {
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
        block.processed_priority_ops = (3, 2);
        assert_eq!(block.priority_op_count(), None);
    }

    #[test]
    fn smallest_sufficient_size_is_chosen() {
        let sizes = [26, 78, 182];
        assert_eq!(check_block_sizes(&sizes), Ok(()));
        assert_eq!([0, 26, 27, 183].map(|n| block_size_for(n, &sizes)), [Some(26), Some(26), Some(78), None]);
        assert_eq!(check_block_sizes(&[]), Err(BlockSizesError::Empty));
        assert_eq!(check_block_sizes(&[26, 26]), Err(BlockSizesError::Order(vec![26, 26])));
    }
}
