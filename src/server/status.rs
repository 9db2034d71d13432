//! How far everything is: what the status route and `status --data-dir` show.

use serde::Serialize;
use utoipa::ToSchema;

use super::refusal::hash;
use crate::{
    domain::job::JobType,
    store::{AggregatedAction, JobCounts, Quarantine, SpaceState, Store, StoreBytes, StoreError},
};

/// Quarantined blocks that are listed; the first one is the one that matters.
const MAX_QUARANTINED: usize = 100;

/// The state of a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// Version of this program.
    pub version: &'static str,
    /// The genesis, once it is imported.
    pub genesis: Option<GenesisStatus>,
    /// How far the blocks are.
    pub blocks: BlockStatus,
    /// The jobs.
    pub jobs: JobStatus,
    /// The last block of each action of aggregated operations; 0 for none.
    pub aggregated_operations: OperationStatus,
    /// Space of the file system.
    pub space: SpaceStatus,
    /// Bytes of the data folder, measured now and then; null until they are, and when the folder is looked at offline.
    pub storage: Option<StorageStatus>,
    /// Provers that were seen within `gone_timeout`, or hold a job.
    pub provers: u64,
}

/// Bytes of the parts of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct StorageStatus {
    /// The index of sled.
    pub index_bytes: u64,
    /// Blocks, witnesses and proofs.
    pub blobs_bytes: u64,
    /// What cannot be made again, once more.
    pub journal_bytes: u64,
}

/// Space of the file system that the data folder is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpaceStatus {
    /// Bytes that are free; null when the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that are to stay free; 0 for no floor.
    pub min_free_bytes: u64,
    /// Whether imports, hand-outs and witnesses have stopped for want of space.
    pub low: bool,
}

/// The genesis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GenesisStatus {
    /// Root before block 1, 0x and 64 hex digits.
    pub root: String,
    /// Number of accounts.
    pub accounts: u64,
}

/// Blocks by number; 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BlockStatus {
    /// The last imported block.
    pub head: u32,
    /// The last block whose root the stored tree has; witnesses exist up to here.
    pub witnessed: u32,
    /// The last block that is executed.
    pub verified: u32,
    /// Blocks that cannot be witnessed, the first ones. The blocks after the first of them wait.
    pub quarantined: Vec<QuarantineStatus>,
}

/// A block that cannot be witnessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuarantineStatus {
    /// Block number.
    pub block: u32,
    /// Why.
    pub reason: String,
    /// Position of the operation that is at fault, if it is one.
    pub operation: Option<u32>,
    /// Kind of that operation.
    pub kind: Option<String>,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Numbers of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobStatus {
    /// Waiting for a prover.
    pub idle: u64,
    /// Held by a prover.
    pub in_progress: u64,
    /// Proven.
    pub done: u64,
    /// Parked after too many attempts, until an operator requeues them.
    pub failed: u64,
    /// Not done: what the scaler is told.
    pub pending: u64,
    /// The last block with a single job.
    pub last_single_block: u32,
    /// The last block in an aggregated job.
    pub last_aggregated_block: u32,
}

/// The last block of each action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OperationStatus {
    /// Committed.
    pub commit_blocks: u32,
    /// To be aggregated.
    pub create_proof_blocks: u32,
    /// Aggregated proof published.
    pub publish_proof_blocks_onchain: u32,
    /// Executed.
    pub execute_blocks: u32,
}

impl From<StoreBytes> for StorageStatus {
    fn from(StoreBytes { index, blobs, journal }: StoreBytes) -> Self {
        Self { index_bytes: index, blobs_bytes: blobs, journal_bytes: journal }
    }
}

impl Status {
    /// Reads the status of a store: some counters, nothing that grows with the chain.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        Self::with_seen(store, std::iter::empty())
    }

    /// The same, with provers that were seen beside those that hold jobs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn with_seen(store: &Store, seen: impl Iterator<Item = String>) -> Result<Self, StoreError> {
        let mut provers = store.holders();
        provers.extend(seen);
        let genesis = store.genesis()?;
        let JobCounts { idle, in_progress, done, failed } = store.counts()?;
        let quarantined = store.quarantined(MAX_QUARANTINED)?;
        let SpaceState { free_bytes, min_free_bytes, low } = store.space();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            genesis: genesis
                .map(|genesis| GenesisStatus { root: hash(genesis.root), accounts: genesis.accounts }),
            blocks: BlockStatus {
                head: store.head()?,
                witnessed: store.tree_head()?,
                verified: store.last_verified_block()?,
                quarantined: quarantined.into_iter().map(quarantine).collect(),
            },
            jobs: JobStatus {
                idle,
                in_progress,
                done,
                failed,
                pending: store.pending_jobs()?,
                last_single_block: store.last_block_in_queue(JobType::Single)?,
                last_aggregated_block: store.last_block_in_queue(JobType::Aggregated)?,
            },
            aggregated_operations: OperationStatus {
                commit_blocks: store.last_block_of(AggregatedAction::CommitBlocks)?,
                create_proof_blocks: store.last_block_of(AggregatedAction::CreateProofBlocks)?,
                publish_proof_blocks_onchain: store
                    .last_block_of(AggregatedAction::PublishProofBlocksOnchain)?,
                execute_blocks: store.last_block_of(AggregatedAction::ExecuteBlocks)?,
            },
            space: SpaceStatus { free_bytes, min_free_bytes, low },
            storage: None,
            provers: provers.len() as u64,
        })
    }
}

fn quarantine((block, quarantine): (u32, Quarantine)) -> QuarantineStatus {
    let Quarantine { op_index, op_kind, cause, at_ms } = quarantine;
    QuarantineStatus { block, reason: cause, operation: op_index, kind: op_kind, at_ms }
}
