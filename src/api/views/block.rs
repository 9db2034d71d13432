//! A block: its stage and its stored parts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Quarantine, job::JobStatus};

/// Stage of a block, in the order in which blocks pass through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// No witness can be built for it.
    Quarantined,
    /// It is stored, its witness is not.
    Imported,
    /// Its witness is stored, and it has no job.
    Witnessed,
    /// Its job waits for a prover, or has failed.
    Queued,
    /// A prover works on its job.
    Proving,
    /// Its proof is stored.
    Proven,
    /// The aggregated proof of its range is stored.
    Aggregated,
    /// It is executed.
    Verified,
}

impl Stage {
    /// Returns the name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Imported => "imported",
            Self::Witnessed => "witnessed",
            Self::Queued => "queued",
            Self::Proving => "proving",
            Self::Proven => "proven",
            Self::Aggregated => "aggregated",
            Self::Verified => "verified",
        }
    }
}

/// An imported block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// Its number, from 1.
    pub number: u32,
    /// Its stage.
    pub stage: Stage,
    /// Its size in chunks.
    pub chunks: u32,
    /// Number of its operations.
    pub operations: u64,
    /// Root of the account tree after it: 0x and 64 hex digits.
    pub root: String,
    /// Its commitment: 0x and 64 hex digits.
    pub commitment: String,
    /// Time of its import.
    pub imported_at_ms: u64,
    /// Time when its witness was stored; null also if the witness was removed after the block was
    /// verified.
    pub witnessed_at_ms: Option<u64>,
    /// The job of its own proof.
    pub job: Option<BlockJob>,
    /// Its own proof.
    pub proof: Option<BlockProof>,
    /// Range of the aggregated operation that covers it.
    pub aggregate: Option<Aggregate>,
    /// Reason why no witness can be built for it.
    pub quarantine: Option<Quarantine>,
}

/// The job of a block's own proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockJob {
    /// Its id.
    pub id: i32,
    /// Its status.
    pub status: JobStatus,
    /// Number of claims since it was created or requeued.
    pub attempts: u32,
    /// The prover that holds it, or held it last.
    pub holder: Option<String>,
    /// Time when its status or lease last changed.
    pub updated_at_ms: u64,
}

/// A block's own proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockProof {
    /// The prover that published it, if known.
    pub prover: Option<String>,
    /// Time when it was published.
    pub stored_at_ms: u64,
}

/// A range of blocks whose proofs are to be aggregated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Aggregate {
    /// First block.
    pub first: u32,
    /// Last block.
    pub last: u32,
    /// Status of its proof.
    pub status: AggregateStatus,
    /// Id of its job, if it has one.
    pub job: Option<i32>,
    /// Time when its proof was stored.
    pub stored_at_ms: Option<u64>,
}

/// Status of the proof of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregateStatus {
    /// It has no job yet: proofs of blocks are missing.
    Waiting,
    /// Its job waits for a prover.
    Idle,
    /// A prover works on its job.
    InProgress,
    /// Its job failed after too many attempts.
    Failed,
    /// It is stored.
    Done,
}

/// A page of blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockPage {
    /// Blocks in the requested order.
    pub blocks: Vec<BlockView>,
    /// The `after` of the next page, or its `before` if the newest come first; null on the last
    /// page.
    pub next: Option<u32>,
}

/// The operations of a block by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockOperations {
    /// The block.
    pub block: u32,
    /// Its size in chunks, of which `kinds` take a part; the rest is padding.
    pub chunks: u64,
    /// Successful operations by kind, the most frequent first.
    pub kinds: Vec<OperationKind>,
    /// Number of failed transactions, which take no chunk.
    pub failed: u64,
}

/// The operations of one kind in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationKind {
    /// Name of the kind, such as `Transfer`.
    pub kind: String,
    /// Number of operations.
    pub count: u64,
    /// Number of chunks that they take.
    pub chunks: u64,
}

/// What a block waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The block.
    pub block: u32,
    /// Its stage; null if it is not imported.
    pub stage: Option<Stage>,
    /// One paragraph.
    pub text: String,
}
