//! The proofs that were not accepted.

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

/// Which rejected proofs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Newest {
    /// Only those with a smaller number.
    #[param(maximum = 4294967295u64)]
    before: Option<u32>,
    /// At most so many: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Proofs that were not accepted, the newest first.
#[utoipa::path(get, path = paths::REJECTED_PROOFS, params(Newest), responses((status = OK, body = RejectedProofPage)))]
pub async fn list(
    State(api): Shared,
    newest: Result<Query<Newest>, QueryRejection>,
) -> Result<Json<RejectedProofPage>, ApiError> {
    let Newest { before, limit } = query_of(newest)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(report::rejected_proofs(node.store(), before, limit)?)).await.map(Json)
}

/// A rejected proof.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RejectedPath {
    /// Its number.
    #[param(maximum = 4294967295u64)]
    number: u32,
}

/// What was published as a proof and not accepted.
#[utoipa::path(get, path = paths::REJECTED_PROOF, params(RejectedPath), responses((status = OK, body = Value)))]
pub async fn proof(
    State(api): Shared,
    number: Result<Path<RejectedPath>, PathRejection>,
) -> Result<Response, ApiError> {
    let RejectedPath { number } = path_of(number)?;
    let proof = api.blocking(move |node| Ok(node.store().queue().rejected_body(number)?)).await?;
    stored_json(proof, || format!("the rejected proof {number}"))
}
