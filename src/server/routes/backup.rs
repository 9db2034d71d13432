//! Everything that nothing else can be derived from, as one file, while the server goes on.

use axum::{extract::State, response::Response};

use super::state::Shared;
use crate::{
    api::paths,
    backup::BackupSource,
    server::{error::ApiError, http::stored_json},
};

/// A backup as of the moment of the request. It ends with a hash of all of it: an answer that was cut off is not taken for whole.
#[utoipa::path(get, path = paths::BACKUP, responses((status = OK, content_type = "application/octet-stream", body = [u8])))]
pub async fn backup(State(api): Shared) -> Result<Response, ApiError> {
    let snapshot = api.blocking(|node| Ok(node.store().read_view()?)).await?;
    Ok(stored_json::streamed(BackupSource::new(snapshot), "application/octet-stream"))
}
