//! The queue for operators: list, show, requeue, drop.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::{Shared, path_of, query_of};
use crate::server::{
    error::ApiError,
    stored::StoredJson,
    views::{JobPage, JobStatusName, JobView, page_size},
};

type Id = Result<Path<i32>, PathRejection>;

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
) -> Result<Json<JobPage>, ApiError> {
    let Filter { status, after, limit } = query_of(filter)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(JobPage::of_node(node, status, after, limit)?)).await.map(Json)
}

/// One job.
pub async fn job(State(api): Shared, id: Id) -> Result<Json<JobView>, ApiError> {
    let job_id = path_of(id)?;
    let id = known(job_id)?;
    let job =
        api.blocking(move |node| Ok(node.store().job(id)?.map(|job| JobView::of_node(node, job)))).await?;
    job.map(Json).ok_or(ApiError::UnknownJob { job_id })
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
