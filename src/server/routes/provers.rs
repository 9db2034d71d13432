//! Provers.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::state::{Shared, query_of};
use crate::{
    api::{
        paths,
        views::{ProverPage, page_size},
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

/// Lists the provers that hold jobs or sent a request since the server started, ordered by name.
#[utoipa::path(get, path = paths::PROVERS, params(Names), responses((status = OK, body = ProverPage)))]
pub(super) async fn list(
    State(api): Shared,
    names: Result<Query<Names>, QueryRejection>,
) -> Result<Json<ProverPage>, ApiError> {
    let Names { after, limit } = query_of(names)?;
    let limit = page_size(limit);
    api.blocking(move |node| Ok(report::provers(node, after.as_deref(), limit))).await.map(Json)
}
