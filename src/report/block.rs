//! Blocks of a data folder.

use std::collections::BTreeMap;

use crate::{
    api::views::{
        Aggregate, AggregateStatus, BlockJob, BlockOperations, BlockPage, BlockProof, BlockView,
        OperationKind, Order, Stage, wire_id,
    },
    domain::AggregatedAction,
    domain::{
        H256, ImportedBlock,
        job::{JobStatus, JobType},
    },
    store::{BlockRecord, JobRecord, Store, StoreError},
    workers::import::number_of_operations,
};

impl From<JobRecord> for BlockJob {
    fn from(job: JobRecord) -> Self {
        let JobRecord { id, status, attempts, holder, updated_at_ms, .. } = job;
        Self { id: wire_id(id), status, attempts, holder, updated_at_ms }
    }
}

/// Returns a block; `None` if it is not imported.
pub(crate) fn block(store: &Store, number: u32) -> Result<Option<BlockView>, StoreError> {
    view(store, number, store.chain().last_verified_block()?)
}

/// Returns up to `limit` blocks with a number above `after` and below `before`.
pub(crate) fn blocks(
    store: &Store,
    after: Option<u32>,
    before: Option<u32>,
    order: Order,
    limit: usize,
) -> Result<BlockPage, StoreError> {
    let head = store.chain().head()?;
    let first = after.unwrap_or(0).max(store.chain().base()?).saturating_add(1);
    let last = before.map_or(head, |before| before.saturating_sub(1)).min(head);
    let limit = limit.max(1);
    let numbers: Vec<u32> = match order {
        Order::Asc => (first..=last).take(limit).collect(),
        Order::Desc => (first..=last).rev().take(limit).collect(),
    };
    let end = if order == Order::Asc { last } else { first };
    let next = numbers.last().copied().filter(|number| *number != end);
    let verified = store.chain().last_verified_block()?;
    let mut blocks = Vec::with_capacity(numbers.len());
    for number in numbers {
        // A block may have been reverted since `head` was read.
        blocks.extend(view(store, number, verified)?);
    }
    Ok(BlockPage { blocks, next })
}

/// Returns the operations of a block by kind; `None` if it is not imported.
pub(crate) fn operations(store: &Store, number: u32) -> Result<Option<BlockOperations>, StoreError> {
    let Some(json) = store.chain().block_json(number)? else { return Ok(None) };
    let parsed: Result<ImportedBlock, _> = serde_json::from_slice(&json);
    let block =
        parsed.map_err(|_| StoreError::Corrupt { what: format!("the JSON of block {number}") })?.block;
    let mut kinds = BTreeMap::<&str, (u64, u64)>::new();
    for operation in block.ops() {
        let (count, chunks) = kinds.entry(operation.kind()).or_default();
        *count += 1;
        *chunks += operation.chunks() as u64;
    }
    let mut kinds: Vec<OperationKind> = kinds
        .into_iter()
        .map(|(kind, (count, chunks))| OperationKind { kind: kind.to_owned(), count, chunks })
        .collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    let failed = block.block_transactions.len() - block.ops().count();
    let chunks = block.block_chunks_size as u64;
    Ok(Some(BlockOperations { block: number, chunks, kinds, failed: failed as u64 }))
}

fn view(store: &Store, number: u32, verified: u32) -> Result<Option<BlockView>, StoreError> {
    let Some(block) = store.chain().block(number)? else { return Ok(None) };
    let job = store.queue().job_about(JobType::Single, number, number)?.map(BlockJob::from);
    let proof = store.queue().proof_record(JobType::Single, number, number)?;
    let aggregate = aggregate(store, number)?;
    let witness = if block.witnessed { store.tree().witness(number)? } else { None };
    Ok(Some(BlockView {
        number,
        stage: stage(&block, job.as_ref(), proof.is_some(), aggregate.as_ref(), verified),
        chunks: block.chunks,
        operations: number_of_operations(&block),
        root: H256(block.root).to_string(),
        commitment: H256(block.commitment).to_string(),
        imported_at_ms: block.imported_at_ms,
        witnessed_at_ms: witness.map(|witness| witness.stored_at_ms),
        job,
        proof: proof.map(|proof| BlockProof { prover: proof.prover, stored_at_ms: proof.stored_at_ms }),
        aggregate,
        quarantine: block.quarantine,
    }))
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
        Some(JobStatus::InProgress) => Stage::Proving,
        Some(_) => Stage::Queued,
        None if block.witnessed => Stage::Witnessed,
        None => Stage::Imported,
    }
}

/// Returns the range in which a block is to be aggregated.
fn aggregate(store: &Store, number: u32) -> Result<Option<Aggregate>, StoreError> {
    let operation =
        store.chain().aggregated_operation_covering(AggregatedAction::CreateProofBlocks, number)?;
    let Some(operation) = operation else { return Ok(None) };
    let (first, last) = (operation.first, operation.last);
    let job = store.queue().job_about(JobType::Aggregated, first, last)?;
    let proof = store.queue().proof_record(JobType::Aggregated, first, last)?;
    let status = match job.as_ref().map(|job| job.status) {
        _ if proof.is_some() => AggregateStatus::Done,
        None => AggregateStatus::Waiting,
        Some(JobStatus::Idle) => AggregateStatus::Idle,
        Some(JobStatus::InProgress) => AggregateStatus::InProgress,
        Some(JobStatus::Failed) => AggregateStatus::Failed,
        Some(JobStatus::Done) => AggregateStatus::Done,
    };
    let job = job.map(|job| wire_id(job.id));
    let stored_at_ms = proof.map(|proof| proof.stored_at_ms);
    Ok(Some(Aggregate { first, last, status, job, stored_at_ms }))
}
