//! A block as shown: how far it is, and what of it is stored.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job::JobStatusName;
use crate::{
    domain::job::{JobStatus, JobType},
    server::refusal::{hash, wire_id},
    store::{AggregatedAction, BlockRecord, JobRecord, Quarantine, Store, StoreError},
    workers::import::operations,
};

/// How far a block is, in the order in which blocks go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It cannot be witnessed.
    Quarantined,
    /// It is stored, its witness is not.
    Imported,
    /// Its witness is stored, without a job.
    Witnessed,
    /// Its job waits for a prover, or is parked as failed.
    Queued,
    /// A prover has its job.
    Proving,
    /// Its proof is stored.
    Proven,
    /// A proof of a range that it is in is stored.
    Aggregated,
    /// It is executed.
    Verified,
}

impl Stage {
    /// As it is written.
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
    /// How far it is.
    pub stage: Stage,
    /// Its size in chunks.
    pub chunks: u32,
    /// How many operations are in it.
    pub operations: u64,
    /// The root of the account tree after it, 0x and 64 hex digits.
    pub root: String,
    /// When it was imported.
    pub imported_at_ms: u64,
    /// When its witness was stored; null also when the witness was removed after the block was verified.
    pub witnessed_at_ms: Option<u64>,
    /// The job of its own proof.
    pub job: Option<BlockJob>,
    /// Its own proof.
    pub proof: Option<BlockProof>,
    /// The range that its proof is to be aggregated in.
    pub aggregate: Option<Aggregate>,
    /// Why it cannot be witnessed.
    pub quarantine: Option<QuarantineView>,
}

/// The job of a block's own proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockJob {
    /// Its id.
    pub id: i32,
    /// Where it stands.
    pub status: JobStatusName,
    /// How often it was handed out since it was made or requeued.
    pub attempts: u32,
    /// The prover that has it, or had it last.
    pub holder: Option<String>,
    /// When its status or lease changed last.
    pub updated_at_ms: u64,
}

/// A block's own proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockProof {
    /// Who made it, if that is known.
    pub prover: Option<String>,
    /// When it was published.
    pub stored_at_ms: u64,
}

/// A range of blocks whose proofs are to be aggregated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Aggregate {
    /// First block.
    pub first: u32,
    /// Last block.
    pub last: u32,
    /// Where its proof stands.
    pub status: AggregateStatus,
}

/// Where the proof of a range stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregateStatus {
    /// It has no job yet: proofs of blocks are missing.
    Waiting,
    /// Its job waits for a prover.
    Idle,
    /// A prover has its job.
    InProgress,
    /// Its job is parked after too many attempts.
    Failed,
    /// It is stored.
    Done,
}

/// Why a block cannot be witnessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    /// The reason, as a sentence.
    pub reason: String,
    /// Position of the operation that is at fault, if it is one.
    pub operation: Option<u32>,
    /// Kind of that operation.
    pub kind: Option<String>,
    /// When it was found.
    pub at_ms: u64,
}

impl From<Quarantine> for QuarantineView {
    fn from(quarantine: Quarantine) -> Self {
        let Quarantine { op_index: operation, op_kind: kind, cause: reason, at_ms } = quarantine;
        Self { reason, operation, kind, at_ms }
    }
}

impl From<JobRecord> for BlockJob {
    fn from(job: JobRecord) -> Self {
        let JobRecord { id, status, attempts, holder, updated_at_ms, .. } = job;
        Self { id: wire_id(id), status: status.into(), attempts, holder, updated_at_ms }
    }
}

impl BlockView {
    /// A block of a store; `None` when it is not imported.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, number: u32) -> Result<Option<Self>, StoreError> {
        Self::with_verified(store, number, store.last_verified_block()?)
    }

    fn with_verified(store: &Store, number: u32, verified: u32) -> Result<Option<Self>, StoreError> {
        let Some(block) = store.block(number)? else { return Ok(None) };
        let job = store.job_about(JobType::Single, number, number)?.map(BlockJob::from);
        let proof = store.proof_record(JobType::Single, number, number)?;
        let aggregate = aggregate(store, number)?;
        let witness = if block.witnessed { store.witness(number)? } else { None };
        Ok(Some(Self {
            number,
            stage: stage(&block, job.as_ref(), proof.is_some(), aggregate.as_ref(), verified),
            chunks: block.chunks,
            operations: operations(&block),
            root: hash(block.root),
            imported_at_ms: block.imported_at_ms,
            witnessed_at_ms: witness.map(|witness| witness.stored_at_ms),
            job,
            proof: proof.map(|proof| BlockProof { prover: proof.prover, stored_at_ms: proof.stored_at_ms }),
            aggregate,
            quarantine: block.quarantine.map(Into::into),
        }))
    }
}

fn stage(
    block: &BlockRecord,
    job: Option<&BlockJob>,
    proven: bool,
    aggregate: Option<&Aggregate>,
    verified: u32,
) -> Stage {
    let aggregated = aggregate.is_some_and(|range| range.status == AggregateStatus::Done);
    match job.map(|job| job.status) {
        _ if block.number <= verified => Stage::Verified,
        _ if block.quarantine.is_some() => Stage::Quarantined,
        _ if aggregated => Stage::Aggregated,
        _ if proven => Stage::Proven,
        Some(JobStatusName::InProgress) => Stage::Proving,
        Some(_) => Stage::Queued,
        None if block.witnessed => Stage::Witnessed,
        None => Stage::Imported,
    }
}

/// The range that a block is to be aggregated in.
fn aggregate(store: &Store, number: u32) -> Result<Option<Aggregate>, StoreError> {
    let operation = store.aggregated_operation_covering(AggregatedAction::CreateProofBlocks, number)?;
    let Some(operation) = operation else { return Ok(None) };
    let (first, last) = (operation.first, operation.last);
    let job = store.job_about(JobType::Aggregated, first, last)?;
    let status = match job.map(|job| job.status) {
        _ if store.has_aggregated_proof(first, last)? => AggregateStatus::Done,
        None => AggregateStatus::Waiting,
        Some(JobStatus::Idle) => AggregateStatus::Idle,
        Some(JobStatus::InProgress) => AggregateStatus::InProgress,
        Some(JobStatus::Failed) => AggregateStatus::Failed,
        Some(JobStatus::Done) => AggregateStatus::Done,
    };
    Ok(Some(Aggregate { first, last, status }))
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The oldest first.
    #[default]
    Asc,
    /// The newest first.
    Desc,
}

/// Some blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockPage {
    /// In the order asked for.
    pub blocks: Vec<BlockView>,
    /// The `after` of the next page, or its `before` when the newest come first; null when this is the last.
    pub next: Option<u32>,
}

impl BlockPage {
    /// Up to `limit` blocks with a number above `after` and below `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        store: &Store,
        after: Option<u32>,
        before: Option<u32>,
        order: Order,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let head = store.head()?;
        let first = after.unwrap_or(0).saturating_add(1);
        let last = before.map_or(head, |before| before.saturating_sub(1)).min(head);
        let limit = limit.max(1);
        let numbers: Vec<u32> = match order {
            Order::Asc => (first..=last).take(limit).collect(),
            Order::Desc => (first..=last).rev().take(limit).collect(),
        };
        let end = if order == Order::Asc { last } else { first };
        let next = numbers.last().copied().filter(|number| *number != end);
        let verified = store.last_verified_block()?;
        let mut blocks = Vec::with_capacity(numbers.len());
        for number in numbers {
            // A block may be reverted meanwhile.
            blocks.extend(BlockView::with_verified(store, number, verified)?);
        }
        Ok(Self { blocks, next })
    }
}
