//! Backups while the server runs.

use axum::{extract::State, response::Response};

use super::state::Shared;
use crate::{
    api::paths,
    backup::BackupSource,
    server::{error::ApiError, http::stored_json},
};

/// Returns a backup as of the time of the request.
///
/// It ends with a hash of its content, so that a truncated one is detected.
#[utoipa::path(get, path = paths::BACKUP, responses((status = OK, content_type = "application/octet-stream", body = [u8])))]
pub(super) async fn backup(State(api): Shared) -> Result<Response, ApiError> {
    let snapshot = api.blocking(|node| Ok(node.store().read_view()?)).await?;
    Ok(stored_json::streamed(BackupSource::new(snapshot), "application/octet-stream"))
}
