//! Aggregated operations and aggregated proofs.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::state::{Shared, path_of, query_of, stored_json};
use crate::{
    api::{
        paths,
        views::{AggregatedOperationPage, page_size},
    },
    domain::AggregatedAction,
    report,
    server::error::ApiError,
};

/// Filter of aggregated operations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only operations of this action.
    action: Option<AggregatedAction>,
    /// Only operations that end after this block.
    #[serde(default)]
    #[param(maximum = 4294967295u64)]
    after: u32,
    /// Maximum number of entries of each action: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Lists aggregated operations, ordered by action, then by block.
#[utoipa::path(get, path = paths::AGGREGATED_OPERATIONS, params(Filter), responses((status = OK, body = AggregatedOperationPage)))]
pub(super) async fn operations(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<AggregatedOperationPage>, ApiError> {
    let Filter { action, after, limit } = query_of(filter)?;
    let limit = page_size(limit);
    let page =
        api.blocking(move |node| Ok(report::aggregated_operations(node.store(), action, after, limit)?));
    page.await.map(Json)
}

/// Returns the aggregated proof of a range of blocks, as published.
#[utoipa::path(get, path = paths::AGGREGATED_PROOF, params(RangePath), responses((status = OK, body = Value)))]
pub(super) async fn proof(
    State(api): Shared,
    range: Result<Path<RangePath>, PathRejection>,
) -> Result<Response, ApiError> {
    let RangePath { first, last } = path_of(range)?;
    let proof = api.blocking(move |node| Ok(node.store().queue().aggregated_proof(first, last)?)).await?;
    stored_json(proof, || format!("the aggregated proof of blocks {first} to {last}"))
}

/// A range of blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RangePath {
    /// First block.
    #[param(maximum = 4294967295u64)]
    first: u32,
    /// Last block.
    #[param(maximum = 4294967295u64)]
    last: u32,
}
