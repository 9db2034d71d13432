//! Blocks on their way to being sealed (spec 02 §6).

use super::{AccountId, BlockNumber, ExecutedOperations, U256};
use serde::{Deserialize, Serialize};

/// A block whose root is not computed yet: a [`super::Block`] without `new_root_hash` and `block_commitment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncompleteBlock {
    /// Number.
    pub block_number: BlockNumber,
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
    /// Unix seconds.
    pub timestamp: u64,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::Block;
    use crate::domain::tests::round_trip;
    use serde_json::json;

    #[test]
    fn json_is_that_of_a_block_without_root_and_commitment() {
        round_trip::<IncompleteBlock>(
            r#"{"block_number":1,"fee_account":0,"block_transactions":[],"processed_priority_ops":[0,0],"block_chunks_size":26,"commit_gas_limit":"0x102fc","verify_gas_limit":"0x32c8","timestamp":305419896}"#,
        );
        // A sealed block can be read as one: keys that are not known are ignored.
        let sealed = crate::domain::tests::block().block;
        let incomplete: IncompleteBlock = serde_json::from_value(json!(sealed)).unwrap();
        assert_eq!(incomplete.block_transactions, sealed.block_transactions);
        let mut json = json!(incomplete);
        assert!(serde_json::from_value::<Block>(json.clone()).is_err());
        json["new_root_hash"] = json!(sealed)["new_root_hash"].clone();
        json["block_commitment"] = json!(sealed.block_commitment);
        assert_eq!(serde_json::from_value::<Block>(json).unwrap(), sealed);
    }
}
