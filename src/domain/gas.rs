//! Gas limits of blocks (spec 05 §3).

use super::{U256, ZkSyncOp};

/// Gas limits of the two calls a block is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasLimits {
    /// Limit of the commit.
    pub commit: U256,
    /// Limit of the execution.
    pub verify: U256,
}

/// Cost of an empty block: commit, execution.
const BASE: (u64, u64) = (51_000, 10_000);

impl ZkSyncOp {
    /// Gas the operation costs in the commit and in the execution of its block, before the safety margin.
    pub fn gas(&self) -> (u64, u64) {
        match self {
            // Close has no cost of its own: it can never be executed.
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

/// Limits of a block with these operations.
pub fn gas_limits<'a>(ops: impl Iterator<Item = &'a ZkSyncOp>) -> GasLimits {
    let (commit, verify) = ops.map(ZkSyncOp::gas).fold(BASE, |sum, gas| (sum.0 + gas.0, sum.1 + gas.1));
    GasLimits { commit: U256::from(with_margin(commit)), verify: U256::from(with_margin(verify)) }
}

/// 30 % on top, rounded down.
fn with_margin(gas: u64) -> u64 {
    gas * 130 / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_block_has_the_base_costs() {
        let limits = gas_limits(std::iter::empty());
        assert_eq!((limits.commit, limits.verify), (U256::from(66_300u64), U256::from(13_000u64)));
    }
}
