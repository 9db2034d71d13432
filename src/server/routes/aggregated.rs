//! Aggregated operations and proofs, and the proofs that were not accepted.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Shared, path_of, query_of, stored_json};
use crate::{
    domain::AggregatedActionType,
    server::{
        error::ApiError,
        views::{AggregatedOperationPage, RejectedProofPage, page_size},
    },
};

/// Rejected proofs carry what was published: fewer of them by default.
const REJECTED_PAGE: u32 = 20;

/// Which operations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only those of this action.
    action: Option<AggregatedActionType>,
    /// Only those that end after this block.
    #[serde(default)]
    #[param(maximum = 4294967295u64)]
    after: u32,
    /// At most so many of each action: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Aggregated operations, by action and block.
#[utoipa::path(get, path = "/api/v1/aggregated_operations", params(Filter), responses((status = OK, body = AggregatedOperationPage)))]
pub async fn operations(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<AggregatedOperationPage>, ApiError> {
    let Filter { action, after, limit } = query_of(filter)?;
    let limit = page_size(limit);
    let page = api.blocking(move |node| Ok(AggregatedOperationPage::of(node.store(), action, after, limit)?));
    page.await.map(Json)
}

/// The aggregated proof of a range of blocks, as published.
#[utoipa::path(get, path = "/api/v1/aggregated_proofs/{first}/{last}", params(RangePath), responses((status = OK, body = Value)))]
pub async fn proof(
    State(api): Shared,
    range: Result<Path<RangePath>, PathRejection>,
) -> Result<Response, ApiError> {
    let RangePath { first, last } = path_of(range)?;
    let proof = api.blocking(move |node| Ok(node.store().aggregated_proof(first, last)?)).await?;
    stored_json(proof, || format!("the aggregated proof of blocks {first} to {last}"))
}

/// A range of blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RangePath {
    /// First block.
    #[param(maximum = 4294967295u64)]
    first: u32,
    /// Last block.
    #[param(maximum = 4294967295u64)]
    last: u32,
}

/// Which rejected proofs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Newest {
    /// Only those with a smaller number.
    #[param(maximum = 4294967295u64)]
    before: Option<u32>,
    /// At most so many: 1 to 1000, 20 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Proofs that were not accepted, the newest first.
#[utoipa::path(get, path = "/api/v1/rejected_proofs", params(Newest), responses((status = OK, body = RejectedProofPage)))]
pub async fn rejected(
    State(api): Shared,
    newest: Result<Query<Newest>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Newest { before, limit } = query_of(newest)?;
    let limit = page_size(limit.or(Some(REJECTED_PAGE)));
    let list = api.blocking(move |node| {
        let page = RejectedProofPage::of(node.store(), before, limit)?;
        serde_json::to_vec(&page).map_err(ApiError::internal)
    });
    stored_json(Some(list.await?), String::new)
}
