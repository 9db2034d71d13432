//! State of a data folder: the answer of `/api/v1/status`, also printed by `status --data-dir`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Quarantine;

/// State of a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// The genesis, once it is imported.
    pub genesis: Option<GenesisStatus>,
    /// Progress of the blocks.
    pub blocks: BlockNumbers,
    /// The fault that keeps the next witness from being built; null if there is none. The server
    /// tries again.
    #[serde(default)]
    pub witness_fault: Option<WitnessFaultView>,
    /// Numbers of jobs.
    pub jobs: JobTotals,
    /// The last block of each action of aggregated operations; 0 for none.
    pub aggregated_operations: OperationNumbers,
    /// Space of the file system.
    pub space: SpaceStatus,
    /// Sizes of the parts of the data folder, measured from time to time; null until the first
    /// measurement, and for a folder that no server uses.
    pub storage: Option<StorageStatus>,
    /// The link to the node's database; null without one, and for a folder that no server uses.
    pub node: Option<NodeLinkStatus>,
    /// Number of provers that sent a request within `gone_timeout`, or hold a job.
    pub provers: u64,
    /// Number of provers that get no job for a while after refused proofs.
    #[serde(default)]
    pub provers_suspended: u64,
    /// Number of provers that an operator has blocked.
    #[serde(default)]
    pub provers_blocked: u64,
    /// These suspended and blocked provers by name, at most the first twenty.
    #[serde(default)]
    pub provers_withheld: Vec<WithheldProver>,
}

/// A block whose witness cannot be built so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WitnessFaultView {
    /// Number of the block.
    pub block: u32,
    /// The cause, as a part of a sentence.
    pub cause: String,
}

/// A prover that gets no job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithheldProver {
    /// Its name.
    pub name: String,
    /// End of its suspension after refused proofs, in milliseconds since 1970; null if it is not
    /// suspended.
    pub suspended_until_ms: Option<u64>,
    /// Time since which an operator has blocked it, in milliseconds since 1970; null if it is not
    /// blocked.
    pub blocked_at_ms: Option<u64>,
}

/// The link to the database of a zkSync Lite node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeLinkStatus {
    /// Address of the database, without a password.
    pub url: String,
    /// `connecting`, `starting` (reads the state with which the folder begins), `catching_up`,
    /// `following`, `failing` (tries again), or `stopped` (needs an operator).
    pub phase: String,
    /// Begin of the phase, in milliseconds since 1970.
    pub since_ms: u64,
    /// The newest block of the node; 0 until it is known.
    pub newest_block: u32,
    /// Number of its blocks that are not imported yet.
    pub blocks_behind: u32,
    /// The last failure since the link last followed.
    pub fault: Option<NodeLinkFault>,
    /// Number of stored proofs that are not in the node's tables yet, counted up to 10,000 of each
    /// type.
    pub proofs_pending: u64,
    /// The last failure to hand proofs back, until the next attempt succeeds.
    pub hand_back_fault: Option<NodeLinkFault>,
}

/// A failure of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeLinkFault {
    /// A stable name of the kind of failure, such as `unreachable`.
    pub code: String,
    /// The failure, and what to do about it.
    pub message: String,
    /// Time in milliseconds since 1970.
    pub at_ms: u64,
}

/// Sizes of the parts of the data folder, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// The sled database.
    pub index_bytes: u64,
    /// Blocks, witnesses and proofs.
    pub blobs_bytes: u64,
    /// The second copy of everything that cannot be derived.
    pub journal_bytes: u64,
}

/// Space of the file system of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpaceStatus {
    /// Free bytes; null if the system does not report them.
    pub free_bytes: Option<u64>,
    /// Floor of free space, in bytes; 0 if there is none.
    pub min_free_bytes: u64,
    /// True if imports, claims and witnesses are stopped because `free_bytes` is below the floor.
    pub low: bool,
}

/// The genesis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GenesisStatus {
    /// The block after which it is the state: 0, or the one before the first block of a folder
    /// that began later.
    #[serde(default)]
    pub block: u32,
    /// Root before the first block: 0x and 64 hex digits.
    pub root: String,
    /// Number of accounts.
    pub accounts: u64,
}

/// Progress of the blocks by number; 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockNumbers {
    /// The last imported block.
    pub head: u32,
    /// The last block in the stored account tree; witnesses exist up to it.
    pub witnessed: u32,
    /// The last block up to which all are proven, or verified.
    #[serde(default)]
    pub proven: u32,
    /// The last block up to which all are in a stored aggregated proof, or verified.
    #[serde(default)]
    pub aggregated: u32,
    /// The last executed block.
    pub verified: u32,
    /// The first quarantined blocks. The blocks after the first of them wait.
    pub quarantined: Vec<QuarantinedBlock>,
}

/// A quarantined block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedBlock {
    /// Block number.
    pub block: u32,
    /// The reason.
    #[serde(flatten)]
    pub quarantine: Quarantine,
}

/// Numbers of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTotals {
    /// Jobs that wait for a prover.
    pub idle: u64,
    /// Jobs that a prover holds.
    pub in_progress: u64,
    /// Jobs that are proven.
    pub done: u64,
    /// Jobs that used up their attempts and wait for an operator.
    pub failed: u64,
    /// Jobs that are not done, as reported to the scaler.
    pub pending: u64,
    /// The last block with a single job.
    pub last_single_block: u32,
    /// The last block in an aggregated job.
    pub last_aggregated_block: u32,
    /// Time since which an operator has paused all claims, in milliseconds since 1970; null if they
    /// are not paused.
    #[serde(default)]
    pub paused_at_ms: Option<u64>,
    /// Time since which the oldest claimable job waits for a prover, in milliseconds since 1970;
    /// null if no job can be claimed.
    #[serde(default)]
    pub claimable_since_ms: Option<u64>,
}

/// The last block of each action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationNumbers {
    /// Committed.
    pub commit_blocks: u32,
    /// To be aggregated.
    pub create_proof_blocks: u32,
    /// Aggregated proof published.
    pub publish_proof_blocks_onchain: u32,
    /// Executed.
    pub execute_blocks: u32,
}
