//! Rejected proofs.

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
        views::{RejectedProofPage, page_size},
    },
    report,
    server::error::ApiError,
};

/// Filter of rejected proofs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Newest {
    /// Only proofs with a smaller number.
    #[param(maximum = 4294967295u64)]
    before: Option<u32>,
    /// Maximum number of entries: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Lists rejected proofs, newest first.
#[utoipa::path(get, path = paths::REJECTED_PROOFS, params(Newest), responses((status = OK, body = RejectedProofPage)))]
pub(super) async fn list(
    State(api): Shared,
    newest: Result<Query<Newest>, QueryRejection>,
) -> Result<Json<RejectedProofPage>, ApiError> {
    let Newest { before, limit } = query_of(newest)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(report::rejected_proofs(node.store(), before, limit)?)).await.map(Json)
}

/// The rejected proof of a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RejectedPath {
    /// Number of the rejected proof.
    #[param(maximum = 4294967295u64)]
    number: u32,
}

/// Returns a rejected proof, as published.
#[utoipa::path(get, path = paths::REJECTED_PROOF, params(RejectedPath), responses((status = OK, body = Value)))]
pub(super) async fn proof(
    State(api): Shared,
    number: Result<Path<RejectedPath>, PathRejection>,
) -> Result<Response, ApiError> {
    let RejectedPath { number } = path_of(number)?;
    let proof = api.blocking(move |node| Ok(node.store().queue().rejected_bytes(number)?)).await?;
    stored_json(proof, || format!("the rejected proof {number}"))
}
