//! Attempts of provers.

use crate::{
    api::views::{AttemptPage, AttemptView, wire_id},
    domain::job::JobType,
    store::{AttemptRecord, Store, StoreError},
};

/// Returns up to `limit` attempts that were in progress at `since_ms` or later, of all jobs; without
/// those in progress if only ended ones with a number below `before` are requested.
pub(crate) fn attempts(
    store: &Store,
    since_ms: u64,
    before: Option<u64>,
    limit: usize,
) -> Result<AttemptPage, StoreError> {
    let (attempts, next) = store.queue().attempts(since_ms, before, limit)?;
    Ok(AttemptPage { attempts: attempts.into_iter().map(view).collect(), next })
}

/// Returns up to `limit` of the last attempts at a job.
pub(crate) fn attempts_of_job(store: &Store, job: u32, limit: usize) -> Result<AttemptPage, StoreError> {
    let attempts = store.queue().attempts_of_job(job, limit)?;
    Ok(AttemptPage { attempts: attempts.into_iter().map(view).collect(), next: None })
}

fn view(attempt: AttemptRecord) -> AttemptView {
    let AttemptRecord { job, job_type, first, last, chunks, prover, begun_at_ms, .. } = attempt;
    AttemptView {
        job: wire_id(job),
        r#type: job_type,
        first_block: first,
        last_block: last,
        chunks: (job_type == JobType::Single).then_some(chunks),
        prover,
        begun_at_ms,
        ended_at_ms: attempt.outcome.is_some().then_some(attempt.ended_at_ms),
        outcome: attempt.outcome,
        reason: attempt.reason,
    }
}
