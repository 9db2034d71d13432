//! The job queue for operators.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use tracing::info;
use utoipa::IntoParams;

use super::state::{Shared, path_of, query_of};
use crate::{
    api::{
        paths,
        views::{
            ClaimsOutcome, JobOutcome, JobPage, JobView, Order, RequeueOutcome, RequeueRequest, page_size,
            wire_id,
        },
    },
    domain::job::JobStatus,
    report,
    server::{
        error::{ApiError, parse_json},
        http::stored_json::StoredJson,
    },
    store::{JobFilter, WhichJobs},
};

/// The job of a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct JobPath {
    /// Id of the job.
    #[serde(rename = "id")]
    #[param(minimum = -2147483648i64, maximum = 2147483647i64)]
    job_id: i32,
}

type Id = Result<Path<JobPath>, PathRejection>;

/// Filter of jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only jobs with this status.
    status: Option<JobStatus>,
    /// Only jobs with a larger id.
    #[serde(default)]
    #[param(maximum = 4294967295u64)]
    after: u32,
    /// Only jobs with a smaller id.
    #[param(maximum = 4294967295u64)]
    before: Option<u32>,
    /// Maximum number of entries: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
    /// Order of the jobs by id.
    #[serde(default)]
    #[param(inline)]
    order: Order,
}

/// Lists jobs by id.
#[utoipa::path(get, path = paths::JOBS, params(Filter), responses((status = OK, body = JobPage)))]
pub(super) async fn list(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<JobPage>, ApiError> {
    let Filter { status, after, before, limit, order } = query_of(filter)?;
    let filter = JobFilter { status, after, before, newest_first: order == Order::Desc };
    let limit = page_size(limit);
    api.blocking(move |node| Ok(report::jobs_with_estimates(node, &filter, limit)?)).await.map(Json)
}

/// Returns a job.
#[utoipa::path(get, path = paths::JOB, params(JobPath), responses((status = OK, body = JobView)))]
pub(super) async fn job(State(api): Shared, id: Id) -> Result<Json<JobView>, ApiError> {
    let JobPath { job_id } = path_of(id)?;
    let id = known(job_id)?;
    let job = api.blocking(move |node| Ok(report::job_with_estimate(node, id)?)).await?;
    job.map(Json).ok_or(ApiError::UnknownJob { job_id })
}

/// Returns the data of a job, as sent to provers.
#[utoipa::path(get, path = paths::JOB_DATA, params(JobPath), responses((status = OK, body = Value)))]
pub(super) async fn data(State(api): Shared, headers: HeaderMap, id: Id) -> Result<Response, ApiError> {
    let JobPath { job_id } = path_of(id)?;
    let id = known(job_id)?;
    let data = api.blocking(move |node| {
        let data = node.store().queue().job_data(id)?.ok_or(ApiError::UnknownJob { job_id })?;
        StoredJson::open(node.store(), data.prefix, &data.blob, data.suffix)
    });
    data.await?.into_response(&headers)
}

/// Makes a failed job, or one that a prover holds, available for provers again.
#[utoipa::path(post, path = paths::REQUEUE, params(JobPath), responses((status = OK, body = JobOutcome)))]
pub(super) async fn requeue(State(api): Shared, id: Id) -> Result<Json<JobOutcome>, ApiError> {
    let JobPath { job_id } = path_of(id)?;
    let id = known(job_id)?;
    let requeued = api.blocking(move |node| {
        node.store().queue().job(id)?.ok_or(ApiError::UnknownJob { job_id })?;
        node.store().queue().requeue(id)?;
        node.wake();
        Ok(())
    });
    requeued.await?;
    info!(job = id, "job requeued by an operator");
    Ok(Json(JobOutcome { job_id, outcome: "requeued".to_owned() }))
}

/// Makes many jobs available for provers again: all of them or none.
#[utoipa::path(post, path = paths::REQUEUE_MANY, request_body = RequeueRequest, responses((status = OK, body = RequeueOutcome)))]
pub(super) async fn requeue_many(State(api): Shared, body: Body) -> Result<Json<RequeueOutcome>, ApiError> {
    let body = api.read(body, api.limits.proof).await?;
    let which = which_jobs(parse_json(&body)?)?;
    let requeued = api.blocking(move |node| {
        let requeued = node.store().queue().requeue_many(&which)?;
        node.wake();
        Ok(requeued)
    });
    let requeued: Vec<i32> = requeued.await?.into_iter().map(wire_id).collect();
    info!(jobs = ?requeued, "jobs requeued by an operator");
    Ok(Json(RequeueOutcome { requeued }))
}

fn which_jobs(request: RequeueRequest) -> Result<WhichJobs, ApiError> {
    let RequeueRequest { ids, status, first_block, last_block } = request;
    match (&ids[..], status, first_block, last_block) {
        ([_, ..], None, None, None) => {
            ids.into_iter().map(known).collect::<Result<_, _>>().map(WhichJobs::Ids)
        }
        ([], Some(JobStatus::Failed), None, None) => Ok(WhichJobs::Failed),
        ([], None, Some(first), Some(last)) if first <= last => Ok(WhichJobs::Blocks { first, last }),
        _ => Err(ApiError::BadParameter(
            "send exactly one of ids, status (failed), or first_block with a last_block not below it"
                .to_owned(),
        )),
    }
}

/// Pauses all claims: provers get no job, and everything else continues.
#[utoipa::path(post, path = paths::PAUSE, responses((status = OK, body = ClaimsOutcome)))]
pub(super) async fn pause(State(api): Shared) -> Result<Json<ClaimsOutcome>, ApiError> {
    let changed = api.blocking(|node| Ok(node.store().queue().pause()?)).await?;
    info!("claims paused by an operator");
    Ok(Json(ClaimsOutcome { outcome: "paused".to_owned(), changed }))
}

/// Ends the pause of all claims.
#[utoipa::path(post, path = paths::RESUME, responses((status = OK, body = ClaimsOutcome)))]
pub(super) async fn resume(State(api): Shared) -> Result<Json<ClaimsOutcome>, ApiError> {
    let changed = api.blocking(|node| Ok(node.store().queue().resume()?)).await?;
    info!("claims resumed by an operator");
    Ok(Json(ClaimsOutcome { outcome: "resumed".to_owned(), changed }))
}

/// Removes a job from the queue.
#[utoipa::path(post, path = paths::DROP, params(JobPath), responses((status = OK, body = JobOutcome)))]
pub(super) async fn drop_job(State(api): Shared, id: Id) -> Result<Json<JobOutcome>, ApiError> {
    let JobPath { job_id } = path_of(id)?;
    let id = known(job_id)?;
    let dropped = api.blocking(move |node| {
        node.store().queue().job(id)?.ok_or(ApiError::UnknownJob { job_id })?;
        node.store().queue().drop_job(id)?;
        node.wake();
        Ok(())
    });
    dropped.await?;
    info!(job = id, "job dropped by an operator");
    Ok(Json(JobOutcome { job_id, outcome: "dropped".to_owned() }))
}

fn known(job_id: i32) -> Result<u32, ApiError> {
    u32::try_from(job_id).map_err(|_| ApiError::UnknownJob { job_id })
}
