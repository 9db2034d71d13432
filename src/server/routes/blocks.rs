//! Blocks and what belongs to one, read back byte for byte as stored.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::{Shared, path_of, stored_json};
use crate::bundle::{self, TakeError};
use crate::server::{error::ApiError, stored::StoredJson};

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
