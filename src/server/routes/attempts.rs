//! Attempts of provers at jobs.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::state::{Shared, query_of};
use crate::{
    api::{
        paths,
        views::{AttemptPage, page_size},
    },
    report,
    server::error::ApiError,
};

/// Filter of attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only attempts that were in progress at this time, in milliseconds since 1970, or later.
    #[serde(default)]
    since: u64,
    /// Only attempts at this job; `since` and `before` have no effect then.
    #[param(maximum = 4294967295u64)]
    job: Option<u32>,
    /// The page after one whose `next` was this number.
    before: Option<u64>,
    /// Maximum number of entries: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Lists the claims of jobs with their outcomes: those in progress, then the newest ends first. The
/// last 10000 are kept.
#[utoipa::path(get, path = paths::ATTEMPTS, params(Filter), responses((status = OK, body = AttemptPage)))]
pub(super) async fn list(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<AttemptPage>, ApiError> {
    let Filter { since, job, before, limit } = query_of(filter)?;
    let limit = page_size(limit);
    let page = api.blocking(move |node| {
        Ok(match job {
            Some(job) => report::attempts_of_job(node.store(), job, limit)?,
            None => report::attempts(node.store(), since, before, limit)?,
        })
    });
    page.await.map(Json)
}
