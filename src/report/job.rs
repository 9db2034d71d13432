//! Jobs of a data folder.

use std::collections::BTreeMap;

use super::rejected::last_rejections;
use crate::{
    api::views::{JobPage, JobView, RefusalView, Rejection, wire_id},
    store::{JobFilter, JobRecord, Store, StoreError},
    workers::Node,
};

type Rejections = BTreeMap<u32, Rejection>;

/// Returns the view of a job; `usual_ms` is the time that jobs of its size usually take.
fn view(job: JobRecord, rejections: &Rejections, usual_ms: Option<u64>, now_ms: u64) -> JobView {
    let since = job.leased_since_ms;
    let left = |usual: u64| Some(usual.saturating_sub(now_ms.saturating_sub(since?)));
    JobView {
        eta_ms: usual_ms.and_then(left),
        id: wire_id(job.id),
        r#type: job.job_type,
        status: job.status,
        priority: job.job_type.priority(),
        first_block: job.first,
        last_block: job.last,
        chunks: job.chunks,
        attempts: job.attempts,
        refusals: job
            .refusals
            .into_iter()
            .map(|(prover, attempts)| RefusalView { prover, attempts })
            .collect(),
        holder: job.holder,
        created_at_ms: job.created_at_ms,
        updated_at_ms: job.updated_at_ms,
        waits_ms: job.waits_ms,
        leased_since_ms: job.leased_since_ms,
        last_heartbeat_ms: job.last_heartbeat_ms,
        last_rejection: rejections.get(&job.id).cloned(),
    }
}

fn estimated(node: &Node, job: JobRecord, rejections: &Rejections) -> JobView {
    let usual = node.store().queue().median_duration_ms(job.job_type, job.size());
    view(job, rejections, usual, node.now_ms())
}

/// Returns a job without an estimate; `None` if it does not exist.
pub(crate) fn job(store: &Store, id: u32) -> Result<Option<JobView>, StoreError> {
    let rejections = last_rejections(store)?;
    Ok(store.queue().job(id)?.map(|job| view(job, &rejections, None, 0)))
}

/// Returns a job of a running node with an estimate; `None` if it does not exist.
pub(crate) fn job_with_estimate(node: &Node, id: u32) -> Result<Option<JobView>, StoreError> {
    let rejections = last_rejections(node.store())?;
    Ok(node.store().queue().job(id)?.map(|job| estimated(node, job, &rejections)))
}

/// Returns up to `limit` jobs by id, without estimates.
pub(crate) fn jobs(store: &Store, filter: &JobFilter, limit: usize) -> Result<JobPage, StoreError> {
    page(store, filter, limit, |job, rejections| view(job, rejections, None, 0))
}

/// Returns the same page as [`jobs`] of a running node, with estimates.
pub(crate) fn jobs_with_estimates(
    node: &Node,
    filter: &JobFilter,
    limit: usize,
) -> Result<JobPage, StoreError> {
    page(node.store(), filter, limit, |job, rejections| estimated(node, job, rejections))
}

fn page(
    store: &Store,
    filter: &JobFilter,
    limit: usize,
    view: impl Fn(JobRecord, &Rejections) -> JobView,
) -> Result<JobPage, StoreError> {
    let (jobs, next) = store.queue().filtered_jobs(filter, limit)?;
    let rejections = last_rejections(store)?;
    Ok(JobPage { jobs: jobs.into_iter().map(|job| view(job, &rejections)).collect(), next })
}
