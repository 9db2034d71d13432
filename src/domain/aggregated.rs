//! Aggregated operations: the steps that ranges of blocks go through on Ethereum
//! (docs/protocol/02-types-json.md §9).

use crate::domain::block::Block;
use crate::domain::ids::BlockNumber;
use crate::domain::proof::EncodedAggregatedProof;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// An aggregated operation; JSON is externally tagged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AggregatedOperation {
    /// The public data of the blocks is sent to Ethereum.
    CommitBlocks {
        /// The block before the first one.
        last_committed_block: Block,
        /// The blocks.
        blocks: Vec<Block>,
    },
    /// One proof of all blocks is requested.
    CreateProofBlocks {
        /// The blocks.
        blocks: Vec<Block>,
        /// Number of single proofs by which the aggregation circuit exceeds the blocks.
        proofs_to_pad: usize,
    },
    /// That proof is sent to Ethereum.
    PublishProofBlocksOnchain {
        /// The blocks.
        blocks: Vec<Block>,
        /// The proof.
        proof: EncodedAggregatedProof,
    },
    /// The withdrawals of the blocks are paid out; the blocks are final.
    ExecuteBlocks {
        /// The blocks.
        blocks: Vec<Block>,
    },
}

impl AggregatedOperation {
    /// Returns the blocks.
    pub fn blocks(&self) -> &[Block] {
        match self {
            Self::CommitBlocks { blocks, .. }
            | Self::CreateProofBlocks { blocks, .. }
            | Self::PublishProofBlocksOnchain { blocks, .. }
            | Self::ExecuteBlocks { blocks } => blocks,
        }
    }

    /// Returns the numbers of the first and the last block; (0, 0) without blocks.
    pub(crate) fn block_range(&self) -> (BlockNumber, BlockNumber) {
        match self.blocks() {
            [first, .., last] => (first.block_number, last.block_number),
            [only] => (only.block_number, only.block_number),
            [] => (BlockNumber(0), BlockNumber(0)),
        }
    }

    /// Returns the action.
    pub fn action(&self) -> AggregatedAction {
        match self {
            Self::CommitBlocks { .. } => AggregatedAction::CommitBlocks,
            Self::CreateProofBlocks { .. } => AggregatedAction::CreateProofBlocks,
            Self::PublishProofBlocksOnchain { .. } => AggregatedAction::PublishProofBlocksOnchain,
            Self::ExecuteBlocks { .. } => AggregatedAction::ExecuteBlocks,
        }
    }
}

/// Action of an aggregated operation, in the order in which blocks go through them. Records and
/// keys store the position of the variant, so the order must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]

pub enum AggregatedAction {
    /// The blocks are committed.
    CommitBlocks,
    /// An aggregated proof of the blocks is requested.
    CreateProofBlocks,
    /// The aggregated proof is published.
    PublishProofBlocksOnchain,
    /// The blocks are executed, which the protocol calls verified.
    ExecuteBlocks,
}

impl AggregatedAction {
    /// Every action, in the order in which blocks go through them.
    pub const ALL: [Self; 4] =
        [Self::CommitBlocks, Self::CreateProofBlocks, Self::PublishProofBlocksOnchain, Self::ExecuteBlocks];

    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommitBlocks => "CommitBlocks",
            Self::CreateProofBlocks => "CreateProofBlocks",
            Self::PublishProofBlocksOnchain => "PublishProofBlocksOnchain",
            Self::ExecuteBlocks => "ExecuteBlocks",
        }
    }
}

impl fmt::Display for AggregatedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
