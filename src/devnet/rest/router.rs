//! The routes of the REST address.

use axum::{Router, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::asked::PREFIX;
use super::{accounts, blocks, fees, network, openapi, tokens, transactions};
use crate::devnet::body::refusal;
use crate::devnet::devnet::Devnet;
use crate::devnet::{control, http};

/// Returns the routes of the REST address: REST v0.2, the endpoints below `/devnet`, and the
/// description of both.
pub(crate) fn router(devnet: Devnet) -> Router {
    let described =
        OpenApiRouter::new().nest(PREFIX, reads().merge(writes())).nest(control::PREFIX, control::all());
    let routes = openapi::served(described)
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "no such endpoint exists") })
        .with_state(devnet);
    http::finished(routes)
}

/// Returns what the explorer reads. Nothing of it changes the devnet.
pub(crate) fn explorer(devnet: Devnet) -> Router {
    let described = OpenApiRouter::new().nest(PREFIX, reads()).nest("/api/devnet", control::reads());
    Router::from(described).with_state(devnet)
}

fn reads() -> OpenApiRouter<Devnet> {
    OpenApiRouter::new()
        .routes(routes!(network::config))
        .routes(routes!(network::network_status))
        .routes(routes!(accounts::account))
        .routes(routes!(accounts::committed))
        .routes(routes!(accounts::finalized))
        .routes(routes!(accounts::transactions))
        .routes(routes!(accounts::pending))
        .routes(routes!(blocks::blocks))
        .routes(routes!(blocks::block))
        .routes(routes!(blocks::transactions))
        .routes(routes!(blocks::transaction))
        .routes(routes!(tokens::tokens))
        .routes(routes!(tokens::token))
        .routes(routes!(tokens::price))
        .routes(routes!(tokens::nft))
        .routes(routes!(tokens::nft_owner))
        .routes(routes!(tokens::nft_of_tx))
        .routes(routes!(transactions::receipt))
        .routes(routes!(transactions::data))
        .routes(routes!(transactions::batch))
}

fn writes() -> OpenApiRouter<Devnet> {
    OpenApiRouter::new()
        .routes(routes!(fees::fee))
        .routes(routes!(fees::batch))
        .routes(routes!(transactions::submit))
        .routes(routes!(transactions::submit_batch))
        .routes(routes!(transactions::toggle_2fa))
}
