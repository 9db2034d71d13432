//! Blocks, and the items of each, byte for byte as stored.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use serde::Deserialize;
use tracing::info;
use utoipa::IntoParams;

use super::state::{Shared, path_of, query_of, stored_json};
use crate::{
    api::{
        paths,
        views::{BlockOperations, BlockOutcome, BlockPage, Explanation, Order, page_size},
    },
    bundle::{self, ExportError},
    report,
    server::{error::ApiError, http::stored_json::StoredJson},
};

/// The block of a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct BlockPath {
    /// Number of the block.
    #[param(maximum = 4294967295u64)]
    number: u32,
}

type Number = Result<Path<BlockPath>, PathRejection>;

/// Returns the genesis, as imported.
#[utoipa::path(get, path = paths::GENESIS, responses((status = OK, body = Value)))]
pub(super) async fn genesis(State(api): Shared, headers: HeaderMap) -> Result<Response, ApiError> {
    let body = api.blocking(|node| Ok(node.store().chain().open_genesis()?)).await?;
    let missing = || ApiError::NotFound { what: "the genesis".to_owned() };
    StoredJson::whole(body.ok_or_else(missing)?).into_response(&headers)
}

/// Returns a block and its account updates, as imported.
#[utoipa::path(get, path = paths::BLOCK, params(BlockPath), responses((status = OK, body = Value)))]
pub(super) async fn block(
    State(api): Shared,
    headers: HeaderMap,
    number: Number,
) -> Result<Response, ApiError> {
    let BlockPath { number } = path_of(number)?;
    let body = api.blocking(move |node| Ok(node.store().chain().open_block(number)?)).await?;
    let missing = || ApiError::NotFound { what: format!("block {number}") };
    StoredJson::whole(body.ok_or_else(missing)?).into_response(&headers)
}

/// Returns the witness of a block, as sent to provers.
#[utoipa::path(get, path = paths::WITNESS, params(BlockPath), responses((status = OK, body = Value)))]
pub(super) async fn witness(
    State(api): Shared,
    headers: HeaderMap,
    number: Number,
) -> Result<Response, ApiError> {
    let BlockPath { number } = path_of(number)?;
    let witness = api.blocking(move |node| {
        let witness = node.store().tree().witness(number)?;
        let missing = || ApiError::NotFound { what: format!("the witness of block {number}") };
        StoredJson::open(node.store(), Vec::new(), &witness.ok_or_else(missing)?.blob, Vec::new())
    });
    witness.await?.into_response(&headers)
}

/// Returns the proof of a block, as published.
#[utoipa::path(get, path = paths::PROOF, params(BlockPath), responses((status = OK, body = Value)))]
pub(super) async fn proof(State(api): Shared, number: Number) -> Result<Response, ApiError> {
    let BlockPath { number } = path_of(number)?;
    let proof = api.blocking(move |node| Ok(node.store().queue().single_proof(number)?)).await?;
    stored_json(proof, || format!("the proof of block {number}"))
}

/// Returns a block with everything that its witness is derived from, as a file for `check bundle`.
#[utoipa::path(get, path = paths::BUNDLE, params(BlockPath),
    responses((status = OK, content_type = "application/octet-stream", body = [u8])))]
pub(super) async fn bundle(State(api): Shared, number: Number) -> Result<Response, ApiError> {
    let BlockPath { number } = path_of(number)?;
    let file = api.blocking(move |node| {
        let bundle = bundle::export(node.store(), number, node.now_ms())?;
        Ok(bundle.to_file().map_err(ExportError::from)?)
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], file.await?).into_response())
}

/// Filter of blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only blocks with a larger number.
    #[param(maximum = 4294967295u64)]
    after: Option<u32>,
    /// Only blocks with a smaller number.
    #[param(maximum = 4294967295u64)]
    before: Option<u32>,
    /// Maximum number of entries: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
    /// Order of the blocks.
    #[serde(default)]
    #[param(inline)]
    order: Order,
}

/// Lists blocks with their stages.
#[utoipa::path(get, path = paths::BLOCKS, params(Filter), responses((status = OK, body = BlockPage)))]
pub(super) async fn list(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<BlockPage>, ApiError> {
    let Filter { after, before, limit, order } = query_of(filter)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(report::blocks(node.store(), after, before, order, limit)?)).await.map(Json)
}

/// Counts the operations of a block by kind.
#[utoipa::path(get, path = paths::OPERATIONS, params(BlockPath), responses((status = OK, body = BlockOperations)))]
pub(super) async fn operations(
    State(api): Shared,
    number: Number,
) -> Result<Json<BlockOperations>, ApiError> {
    let BlockPath { number } = path_of(number)?;
    let operations = api.blocking(move |node| Ok(report::operations(node.store(), number)?)).await?;
    operations.map(Json).ok_or_else(|| ApiError::NotFound { what: format!("block {number}") })
}

/// Explains what a block waits for.
#[utoipa::path(get, path = paths::EXPLAIN, params(BlockPath), responses((status = OK, body = Explanation)))]
pub(super) async fn explain(State(api): Shared, number: Number) -> Result<Json<Explanation>, ApiError> {
    let BlockPath { number } = path_of(number)?;
    api.blocking(move |node| Ok(report::explain_with_link(node, number)?)).await.map(Json)
}

/// Retries a quarantined block, or one whose job was dropped.
#[utoipa::path(post, path = paths::RETRY, params(BlockPath), responses((status = OK, body = BlockOutcome)))]
pub(super) async fn retry(State(api): Shared, number: Number) -> Result<Json<BlockOutcome>, ApiError> {
    let BlockPath { number } = path_of(number)?;
    if !api.blocking(move |node| Ok(node.retry(number)?)).await? {
        return Err(ApiError::NotQuarantined { block: number });
    }
    info!(block = number, "block retried by an operator");
    Ok(Json(BlockOutcome { block: number, outcome: "retried".to_owned() }))
}
