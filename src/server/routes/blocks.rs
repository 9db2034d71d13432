//! Blocks and what belongs to one, read back byte for byte as stored.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::{Shared, path_of, query_of, stored_json};
use crate::bundle::{self, TakeError};
use crate::server::{
    error::ApiError,
    stored::StoredJson,
    views::{BlockPage, Explanation, Order, ProverPage, page_size},
};

type Number = Result<Path<u32>, PathRejection>;

/// The imported genesis.
pub async fn genesis(State(api): Shared, headers: HeaderMap) -> Result<Response, ApiError> {
    let body = api.blocking(|node| Ok(node.store().open_genesis()?)).await?;
    let missing = || ApiError::NotFound { what: "the genesis".to_owned() };
    StoredJson::whole(body.ok_or_else(missing)?).into_response(&headers)
}

/// A block and its account updates, as imported.
pub async fn block(State(api): Shared, headers: HeaderMap, number: Number) -> Result<Response, ApiError> {
    let number = path_of(number)?;
    let body = api.blocking(move |node| Ok(node.store().open_block(number)?)).await?;
    let missing = || ApiError::NotFound { what: format!("block {number}") };
    StoredJson::whole(body.ok_or_else(missing)?).into_response(&headers)
}

/// The witness of a block.
pub async fn witness(State(api): Shared, headers: HeaderMap, number: Number) -> Result<Response, ApiError> {
    let number = path_of(number)?;
    let witness = api.blocking(move |node| {
        let witness = node.store().witness(number)?;
        let missing = || ApiError::NotFound { what: format!("the witness of block {number}") };
        StoredJson::open(node.store(), Vec::new(), &witness.ok_or_else(missing)?.body, Vec::new())
    });
    witness.await?.into_response(&headers)
}

/// The proof of a block.
pub async fn proof(State(api): Shared, number: Number) -> Result<Response, ApiError> {
    let number = path_of(number)?;
    let proof = api.blocking(move |node| Ok(node.store().single_proof(number)?)).await?;
    stored_json(proof, || format!("the proof of block {number}"))
}

/// A block with all that its witness follows from, as a file.
pub async fn bundle(State(api): Shared, number: Number) -> Result<Response, ApiError> {
    let number = path_of(number)?;
    let file = api.blocking(move |node| {
        let bundle = bundle::take(node.store(), number)?;
        Ok(bundle.to_file().map_err(TakeError::from)?)
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], file.await?).into_response())
}

/// Which blocks to list.
#[derive(Debug, Deserialize)]
pub struct Filter {
    /// Only those with a larger number.
    after: Option<u32>,
    /// Only those with a smaller number.
    before: Option<u32>,
    /// At most so many.
    limit: Option<usize>,
    /// Which come first.
    #[serde(default)]
    order: Order,
}

/// Blocks and how far they are.
pub async fn list(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<BlockPage>, ApiError> {
    let Filter { after, before, limit, order } = query_of(filter)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(BlockPage::of(node.store(), after, before, order, limit)?)).await.map(Json)
}

/// Why a block is not proven yet.
pub async fn explain(State(api): Shared, number: Number) -> Result<Json<Explanation>, ApiError> {
    let number = path_of(number)?;
    api.blocking(move |node| Ok(Explanation::of(node.store(), number)?)).await.map(Json)
}

/// A quarantined block is tried again.
pub async fn retry(State(api): Shared, number: Number) -> Result<Json<Value>, ApiError> {
    let number = path_of(number)?;
    if !api.blocking(move |node| Ok(node.retry(number)?)).await? {
        return Err(ApiError::NotQuarantined { block: number });
    }
    info!(block = number, "quarantined block freed by an operator, it is tried again");
    Ok(Json(json!({"block": number, "outcome": "retried"})))
}

/// Which provers to list.
#[derive(Debug, Deserialize)]
pub struct Names {
    /// Only those with a name behind this one.
    after: Option<String>,
    /// At most so many.
    limit: Option<usize>,
}

/// The provers that were seen in this run, and those that hold jobs.
pub async fn provers(
    State(api): Shared,
    names: Result<Query<Names>, QueryRejection>,
) -> Result<Json<ProverPage>, ApiError> {
    let Names { after, limit } = query_of(names)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(ProverPage::of_node(node, after.as_deref(), limit))).await.map(Json)
}
