//! Imports, by the same code as the command line.

use std::time::Duration;

use axum::{Json, body::Body, extract::State};
use tracing::info;

use super::state::Shared;
use crate::{
    api::{
        paths,
        views::{ImportOutcome, ImportOutcomeName},
    },
    clock::ProgressMeter,
    server::error::ApiError,
    workers::Imported,
};

/// Interval of log lines about an import in progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Imports the state before block 1.
///
/// The response is sent when all of it is stored, which takes many minutes if it is large. The
/// import continues if the client disconnects.
#[utoipa::path(post, path = paths::GENESIS, request_body(content = Value, description = "The accounts before block 1, by id; JSON Schema: `docs/schemas/genesis.schema.json`"),
    responses((status = OK, body = ImportOutcome)))]
pub(super) async fn genesis(State(api): Shared, body: Body) -> Result<Json<ImportOutcome>, ApiError> {
    let body = not_empty(api.read(body, api.limits.genesis).await?)?;
    let meter = ProgressMeter::new(PROGRESS_INTERVAL);
    let progress = move |done, total| {
        if let Some(report) = meter.update(done as u64, total as u64) {
            info!("accounts of the genesis: {report}");
        }
    };
    let imported = api.blocking(move |node| Ok(node.import_genesis(&body, &progress)?)).await?;
    info!(outcome = ?imported, "genesis imported");
    Ok(Json(outcome_of(None, imported)))
}

/// Imports the next block.
#[utoipa::path(post, path = paths::BLOCKS, request_body(content = Value, description = "A block and its account updates: `{\"block\": …, \"accounts_updated\": …}`; JSON Schema: `docs/schemas/block.schema.json`"),
    responses((status = OK, body = ImportOutcome)))]
pub(super) async fn block(State(api): Shared, body: Body) -> Result<Json<ImportOutcome>, ApiError> {
    let body = not_empty(api.read(body, api.limits.block).await?)?;
    let (number, imported) = api.blocking(move |node| Ok(node.import_block(&body)?)).await?;
    info!(block = number, outcome = ?imported, "block imported");
    Ok(Json(outcome_of(Some(number), imported)))
}

/// Imports an aggregated operation.
#[utoipa::path(post, path = paths::AGGREGATED_OPERATIONS, request_body(content = Value, description = "An aggregated operation; JSON Schema: `docs/schemas/aggregated-operation.schema.json`"),
    responses((status = OK, body = ImportOutcome)))]
pub(super) async fn aggregated_operation(
    State(api): Shared,
    body: Body,
) -> Result<Json<ImportOutcome>, ApiError> {
    let body = not_empty(api.read(body, api.limits.operation).await?)?;
    let imported = api.blocking(move |node| Ok(node.import_aggregated_operation(&body)?)).await?;
    info!(outcome = ?imported, "aggregated operation imported");
    Ok(Json(outcome_of(None, imported)))
}

fn outcome_of(block: Option<u32>, imported: Imported) -> ImportOutcome {
    let (outcome, reason) = match imported {
        Imported::Stored => (ImportOutcomeName::Stored, None),
        Imported::AlreadyThere => (ImportOutcomeName::AlreadyThere, None),
        Imported::Quarantined(reason) => (ImportOutcomeName::Quarantined, Some(reason)),
    };
    ImportOutcome { outcome, block, reason }
}

fn not_empty(body: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if body.is_empty() { Err(ApiError::MissingBody) } else { Ok(body) }
}
