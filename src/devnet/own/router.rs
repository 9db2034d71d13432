//! The routes of the devnet's own endpoints.

use axum::Router;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{controls, layer_one, state};
use crate::devnet::devnet::Devnet;

/// Path of the endpoints.
pub(in crate::devnet) const PREFIX: &str = "/devnet";

/// Returns the endpoints below [`PREFIX`].
pub(in crate::devnet) fn router(devnet: Devnet) -> Router {
    let described = OpenApiRouter::new().nest(PREFIX, reads().merge(changes()));
    Router::from(described).with_state(devnet)
}

/// Returns the endpoints that change nothing, and show no keys.
pub(in crate::devnet) fn reads() -> OpenApiRouter<Devnet> {
    OpenApiRouter::new().routes(routes!(state::mempool)).routes(routes!(state::settings))
}

/// Returns the other endpoints.
pub(in crate::devnet) fn changes() -> OpenApiRouter<Devnet> {
    OpenApiRouter::new()
        .routes(routes!(state::accounts))
        .routes(routes!(state::time, controls::set_time))
        .routes(routes!(layer_one::deposit))
        .routes(routes!(layer_one::full_exit))
        .routes(routes!(layer_one::authorize))
        .routes(routes!(controls::seal))
        .routes(routes!(controls::finalize))
        .routes(routes!(controls::mine))
        .routes(routes!(controls::snapshot))
        .routes(routes!(controls::revert))
        .routes(routes!(controls::reset))
        .routes(routes!(controls::automine))
        .routes(routes!(controls::fail_next_proof))
        .routes(routes!(controls::hold))
        .routes(routes!(controls::release))
}
