//! Imports: what the command line does offline, by the same code.

use std::time::Duration;

use axum::{Json, body::Body, extract::State};
use serde::Serialize;
use tracing::info;

use super::Shared;
use crate::{clock::Countdown, server::error::ApiError, workers::Imported};

/// Time between two lines of the log about an import under way.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// What became of an import.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// `stored`, `already_there` or `quarantined`.
    outcome: &'static str,
    /// Number of the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u32>,
    /// Why a block is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Outcome {
    fn new(block: Option<u32>, imported: Imported) -> Json<Self> {
        let (outcome, reason) = match imported {
            Imported::Stored => ("stored", None),
            Imported::AlreadyThere => ("already_there", None),
            Imported::Quarantined(reason) => ("quarantined", Some(reason)),
        };
        Json(Self { outcome, block, reason })
    }
}

/// The state before block 1. The answer comes when all of it is stored, for a large one after many minutes; a client that gives
/// up meanwhile does not stop the import.
pub async fn genesis(State(api): Shared, body: Body) -> Result<Json<Outcome>, ApiError> {
    let body = not_empty(api.read(body, api.limits.genesis).await?)?;
    let countdown = Countdown::new(PROGRESS_INTERVAL);
    let progress = move |done, total| {
        if let Some(standing) = countdown.tell(done as u64, total as u64) {
            info!("accounts of the genesis: {standing}");
        }
    };
    let imported = api.blocking(move |node| Ok(node.import_genesis(&body, &progress)?)).await?;
    info!(outcome = ?imported, "genesis imported");
    Ok(Outcome::new(None, imported))
}

/// The next block.
pub async fn block(State(api): Shared, body: Body) -> Result<Json<Outcome>, ApiError> {
    let body = not_empty(api.read(body, api.limits.block).await?)?;
    let (number, imported) = api.blocking(move |node| Ok(node.import_block(&body)?)).await?;
    info!(block = number, outcome = ?imported, "block imported");
    Ok(Outcome::new(Some(number), imported))
}

/// An aggregated operation.
pub async fn aggregated_operation(State(api): Shared, body: Body) -> Result<Json<Outcome>, ApiError> {
    let body = not_empty(api.read(body, api.limits.operation).await?)?;
    let imported = api.blocking(move |node| Ok(node.import_aggregated_operation(&body)?)).await?;
    info!(outcome = ?imported, "aggregated operation imported");
    Ok(Outcome::new(None, imported))
}

fn not_empty(body: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if body.is_empty() { Err(ApiError::MissingBody) } else { Ok(body) }
}
