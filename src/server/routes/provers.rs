//! Provers.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
};
use serde::Deserialize;
use tracing::info;
use utoipa::IntoParams;

use super::state::{Shared, path_of, query_of};
use crate::{
    api::{
        paths,
        views::{ProverOutcome, ProverPage, page_size},
    },
    report,
    server::error::ApiError,
};

/// Filter of provers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Names {
    /// Only provers with a name after this one.
    after: Option<String>,
    /// Maximum number of entries: 1 to 1000, 100 if absent.
    #[param(maximum = 4294967295u64)]
    limit: Option<u32>,
}

/// Lists the provers that hold jobs or sent a request, ordered by name. The last 1000 are kept.
#[utoipa::path(get, path = paths::PROVERS, params(Names), responses((status = OK, body = ProverPage)))]
pub(super) async fn list(
    State(api): Shared,
    names: Result<Query<Names>, QueryRejection>,
) -> Result<Json<ProverPage>, ApiError> {
    let Names { after, limit } = query_of(names)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(report::provers(node.store(), after.as_deref(), limit))).await.map(Json)
}

/// The prover of a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ProverPath {
    /// Name of the prover, at most 256 bytes.
    #[param(min_length = 1, max_length = 256)]
    name: String,
}

type Name = Result<Path<ProverPath>, PathRejection>;

/// Keeps a prover from getting jobs, whether it is known or not, and ends its leases. Its proofs are
/// still accepted.
#[utoipa::path(post, path = paths::BLOCK_PROVER, params(ProverPath), responses((status = OK, body = ProverOutcome)))]
pub(super) async fn block(State(api): Shared, name: Name) -> Result<Json<ProverOutcome>, ApiError> {
    let ProverPath { name: prover } = path_of(name)?;
    let name = prover.clone();
    let changed = api.blocking(move |node| {
        let changed = node.store().queue().block_prover(&name)?;
        node.wake();
        Ok(changed)
    });
    let changed = changed.await?;
    info!(?prover, "prover blocked by an operator");
    Ok(Json(ProverOutcome { prover, outcome: "blocked".to_owned(), changed }))
}

/// Ends the block of a prover, and its suspension after refused proofs.
#[utoipa::path(post, path = paths::UNBLOCK_PROVER, params(ProverPath), responses((status = OK, body = ProverOutcome)))]
pub(super) async fn unblock(State(api): Shared, name: Name) -> Result<Json<ProverOutcome>, ApiError> {
    let ProverPath { name: prover } = path_of(name)?;
    let name = prover.clone();
    let changed = api.blocking(move |node| Ok(node.store().queue().unblock_prover(&name)?)).await?;
    info!(?prover, "prover unblocked by an operator");
    Ok(Json(ProverOutcome { prover, outcome: "unblocked".to_owned(), changed }))
}
