//! The queue for operators: list, show, requeue, drop.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::{Shared, page, path_of, query_of};
use crate::{
    domain::job::JobStatus,
    server::{error::ApiError, refusal::wire_id, stored::StoredJson},
    store::JobRecord,
};

type Id = Result<Path<i32>, PathRejection>;

/// A job as shown.
#[derive(Debug, Serialize)]
pub struct JobView {
    id: i32,
    r#type: &'static str,
    status: JobStatusName,
    priority: u8,
    first_block: u32,
    last_block: u32,
    attempts: u32,
    holder: Option<String>,
    created_at_ms: u64,
    updated_at_ms: u64,
    /// Of an idle job whose lease ended: in how many milliseconds it is handed out again.
    waits_ms: Option<u64>,
}

/// The status of a job, as written in answers and queries.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JobStatusName {
    Idle,
    InProgress,
    Done,
    Failed,
}

impl From<JobStatus> for JobStatusName {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Idle => Self::Idle,
            JobStatus::InProgress => Self::InProgress,
            JobStatus::Done => Self::Done,
            JobStatus::Failed => Self::Failed,
        }
    }
}

impl From<JobStatusName> for JobStatus {
    fn from(name: JobStatusName) -> Self {
        match name {
            JobStatusName::Idle => Self::Idle,
            JobStatusName::InProgress => Self::InProgress,
            JobStatusName::Done => Self::Done,
            JobStatusName::Failed => Self::Failed,
        }
    }
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        let JobRecord { id, job_type, status, first, last, attempts, holder, .. } = job;
        let (created_at_ms, updated_at_ms, waits_ms) = (job.created_at_ms, job.updated_at_ms, job.waits_ms);
        Self {
            id: wire_id(id),
            r#type: job_type.name(),
            status: status.into(),
            priority: job_type.priority(),
            first_block: first,
            last_block: last,
            attempts,
            holder,
            created_at_ms,
            updated_at_ms,
            waits_ms,
        }
    }
}

/// Which jobs to list.
#[derive(Debug, Deserialize)]
pub struct Filter {
    /// Only those of this status.
    status: Option<JobStatusName>,
    /// Only those with a larger id.
    #[serde(default)]
    after: u32,
    /// At most so many.
    limit: Option<usize>,
}

/// Jobs by id; `next` is the `after` of the next page, if there may be one.
pub async fn list(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Filter { status, after, limit } = query_of(filter)?;
    let limit = page(limit);
    let jobs = api.blocking(move |node| Ok(node.store().jobs(status.map(Into::into), after, limit)?)).await?;
    let next = jobs.last().filter(|_| jobs.len() == limit).map(|job| job.id);
    let jobs: Vec<JobView> = jobs.into_iter().map(Into::into).collect();
    Ok(Json(json!({"jobs": jobs, "next": next})))
}

/// One job.
pub async fn job(State(api): Shared, id: Id) -> Result<Json<JobView>, ApiError> {
    let job_id = path_of(id)?;
    let id = known(job_id)?;
    let job = api.blocking(move |node| Ok(node.store().job(id)?)).await?;
    job.map(|job| Json(job.into())).ok_or(ApiError::UnknownJob { job_id })
}

/// The data of a job, as a prover gets it.
pub async fn data(State(api): Shared, headers: HeaderMap, id: Id) -> Result<Response, ApiError> {
    let job_id = path_of(id)?;
    let id = known(job_id)?;
    let data = api.blocking(move |node| {
        let data = node.store().job_data(id)?.ok_or(ApiError::UnknownJob { job_id })?;
        StoredJson::open(node.store(), data.prefix, &data.body, data.suffix)
    });
    data.await?.into_response(&headers)
}

/// Gives a job another chance.
pub async fn requeue(State(api): Shared, id: Id) -> Result<Json<Value>, ApiError> {
    let job_id = path_of(id)?;
    let id = known(job_id)?;
    let requeued = api.blocking(move |node| {
        node.store().job(id)?.ok_or(ApiError::UnknownJob { job_id })?;
        node.store().requeue(id)?;
        node.ring();
        Ok(())
    });
    requeued.await?;
    info!(job = id, "job requeued by an operator");
    Ok(Json(json!({"job_id": job_id, "outcome": "requeued"})))
}

/// Removes a job.
pub async fn drop_job(State(api): Shared, id: Id) -> Result<Json<Value>, ApiError> {
    let job_id = path_of(id)?;
    let id = known(job_id)?;
    let dropped = api.blocking(move |node| {
        node.store().job(id)?.ok_or(ApiError::UnknownJob { job_id })?;
        node.store().drop_job(id)?;
        node.ring();
        Ok(())
    });
    dropped.await?;
    info!(job = id, "job dropped by an operator");
    Ok(Json(json!({"job_id": job_id, "outcome": "dropped"})))
}

fn known(job_id: i32) -> Result<u32, ApiError> {
    u32::try_from(job_id).map_err(|_| ApiError::UnknownJob { job_id })
}
