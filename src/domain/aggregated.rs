//! Aggregated operations: what is sent to Ethereum for a range of blocks (spec 02 §9).

use super::{Block, BlockNumber, EncodedAggregatedProof};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// An aggregated operation; JSON is externally tagged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AggregatedOperation {
    /// Public data of the blocks goes to Ethereum.
    CommitBlocks {
        /// Block before the first.
        last_committed_block: Block,
        /// The blocks.
        blocks: Vec<Block>,
    },
    /// One proof for all blocks is to be made.
    CreateProofBlocks {
        /// The blocks.
        blocks: Vec<Block>,
        /// How many more single proofs the aggregation circuit has room for.
        proofs_to_pad: usize,
    },
    /// That proof goes to Ethereum.
    PublishProofBlocksOnchain {
        /// The blocks.
        blocks: Vec<Block>,
        /// The proof.
        proof: EncodedAggregatedProof,
    },
    /// Withdrawals of the blocks are paid out; the blocks are final.
    ExecuteBlocks {
        /// The blocks.
        blocks: Vec<Block>,
    },
}

impl AggregatedOperation {
    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        match self {
            Self::CommitBlocks { blocks, .. }
            | Self::CreateProofBlocks { blocks, .. }
            | Self::PublishProofBlocksOnchain { blocks, .. }
            | Self::ExecuteBlocks { blocks } => blocks,
        }
    }

    /// Numbers of the first and the last block; (0, 0) without blocks.
    pub fn block_range(&self) -> (BlockNumber, BlockNumber) {
        match self.blocks() {
            [first, .., last] => (first.block_number, last.block_number),
            [only] => (only.block_number, only.block_number),
            [] => (BlockNumber(0), BlockNumber(0)),
        }
    }

    /// Which action it is.
    pub fn action(&self) -> AggregatedActionType {
        match self {
            Self::CommitBlocks { .. } => AggregatedActionType::CommitBlocks,
            Self::CreateProofBlocks { .. } => AggregatedActionType::CreateProofBlocks,
            Self::PublishProofBlocksOnchain { .. } => AggregatedActionType::PublishProofBlocksOnchain,
            Self::ExecuteBlocks { .. } => AggregatedActionType::ExecuteBlocks,
        }
    }
}

/// Action of an aggregated operation, in the order of a block's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)] // documented at AggregatedOperation
pub enum AggregatedActionType {
    CommitBlocks,
    CreateProofBlocks,
    PublishProofBlocksOnchain,
    ExecuteBlocks,
}

impl AggregatedActionType {
    /// Every action.
    pub const ALL: [Self; 4] =
        [Self::CommitBlocks, Self::CreateProofBlocks, Self::PublishProofBlocksOnchain, Self::ExecuteBlocks];

    /// The name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommitBlocks => "CommitBlocks",
            Self::CreateProofBlocks => "CreateProofBlocks",
            Self::PublishProofBlocksOnchain => "PublishProofBlocksOnchain",
            Self::ExecuteBlocks => "ExecuteBlocks",
        }
    }
}

impl fmt::Display for AggregatedActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Incorrect aggregated action type")]
pub struct UnknownAction;

impl FromStr for AggregatedActionType {
    type Err = UnknownAction;
    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(UnknownAction)
    }
}
