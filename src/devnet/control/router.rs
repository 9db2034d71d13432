//! The routes below `/devnet`.

use axum::{Router, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{layer_one, state, test_controls};
use crate::devnet::body::refusal;
use crate::devnet::devnet::Devnet;

/// Path of the endpoints.
pub(in crate::devnet) const PREFIX: &str = "/devnet";

/// Returns the endpoints below [`PREFIX`].
pub(in crate::devnet) fn router(devnet: Devnet) -> Router {
    Router::from(OpenApiRouter::new().nest(PREFIX, all())).with_state(devnet)
}

/// Returns all endpoints, and the answer to any other path.
pub(in crate::devnet) fn all() -> OpenApiRouter<Devnet> {
    let endpoints = reads().merge(changes());
    let paths = endpoints.get_openapi().paths.paths.keys();
    let names: Vec<&str> = paths.map(|path| path.trim_start_matches('/')).collect();
    let hint = format!("no such endpoint exists; those below {PREFIX} are {}", names.join(", "));
    endpoints.fallback(move || async move { refusal(StatusCode::NOT_FOUND, &hint) })
}

/// Returns the endpoints that change nothing, and show no keys.
pub(in crate::devnet) fn reads() -> OpenApiRouter<Devnet> {
    OpenApiRouter::new().routes(routes!(state::mempool)).routes(routes!(state::settings))
}

/// Returns the other endpoints.
fn changes() -> OpenApiRouter<Devnet> {
    OpenApiRouter::new()
        .routes(routes!(state::accounts))
        .routes(routes!(state::time, test_controls::set_time))
        .routes(routes!(layer_one::deposit))
        .routes(routes!(layer_one::full_exit))
        .routes(routes!(layer_one::authorize))
        .routes(routes!(test_controls::seal))
        .routes(routes!(test_controls::finalize))
        .routes(routes!(test_controls::mine))
        .routes(routes!(test_controls::snapshot))
        .routes(routes!(test_controls::revert))
        .routes(routes!(test_controls::reset))
        .routes(routes!(test_controls::automine))
        .routes(routes!(test_controls::fail_next_proof))
        .routes(routes!(test_controls::hold))
        .routes(routes!(test_controls::release))
}
