//! Gas limits of blocks (docs/protocol/05-blocks.md §3).

use crate::domain::op::ZkSyncOp;
use crate::domain::u256::U256;

/// Gas limits of the two contract calls that process a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasLimits {
    /// Gas limit of the commit.
    pub commit: U256,
    /// Gas limit of the execution.
    pub verify: U256,
}

/// Gas of an empty block: commit and execution.
const BASE: (u64, u64) = (51_000, 10_000);
/// Largest gas limit of either call for one block.
const MAX_LIMIT: u64 = 4_000_000;

/// The gas of the operations of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GasCounter {
    commit: u64,
    verify: u64,
}

impl Default for GasCounter {
    /// Returns the gas of an empty block.
    fn default() -> Self {
        Self { commit: BASE.0, verify: BASE.1 }
    }
}

impl GasCounter {
    /// Adds an operation.
    pub(crate) fn with(self, op: &ZkSyncOp) -> Self {
        let (commit, verify) = op.gas();
        Self { commit: self.commit + commit, verify: self.verify + verify }
    }

    /// Returns true if both limits are within the bounds of a block.
    pub(crate) fn fits(&self) -> bool {
        with_margin(self.commit) <= MAX_LIMIT && with_margin(self.verify) <= MAX_LIMIT
    }
}

impl ZkSyncOp {
    /// Returns the gas of the operation in the commit and in the execution of its block, without
    /// the safety margin.
    fn gas(&self) -> (u64, u64) {
        match self {
            // Close is never executed, so it has no cost.
            Self::Noop(_) | Self::Close(_) => (0, 0),
            Self::Deposit(_) => (7_700, 100),
            Self::Transfer(_) => (300, 0),
            Self::TransferToNew(_) => (940, 0),
            Self::Withdraw(_) | Self::ForcedExit(_) => (3_900, 30_000),
            Self::WithdrawNFT(_) => (5_150, 80_000),
            Self::FullExit(_) => (10_000, 30_000),
            Self::ChangePubKeyOffchain(_) => (25_000, 0),
            Self::MintNFTOp(_) => (920, 0),
            Self::Swap(_) => (710, 0),
        }
    }
}

/// Returns the gas limits of a block with these operations.
pub(super) fn gas_limits<'a>(ops: impl Iterator<Item = &'a ZkSyncOp>) -> GasLimits {
    let GasCounter { commit, verify } = ops.fold(GasCounter::default(), GasCounter::with);
    GasLimits { commit: U256::from(with_margin(commit)), verify: U256::from(with_margin(verify)) }
}

/// Adds 30 %, rounded down.
fn with_margin(gas: u64) -> u64 {
    gas * 130 / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_block_has_the_base_costs() {
        let limits = gas_limits(std::iter::empty());
        assert_eq!((limits.commit, limits.verify), (U256::from(66_300u64), U256::from(13_000u64)));
    }
}
