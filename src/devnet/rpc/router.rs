//! The routes of the RPC address.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::dispatch::respond;
use super::envelope::answer;
use super::error::RpcError;
use super::websocket;
use crate::devnet::control;
use crate::devnet::devnet::Devnet;
use crate::devnet::http::{self, BODY_TIMEOUTS, MAX_BODY_BYTES};
use crate::server::http::request_body;

/// Largest number of open WebSockets.
const MAX_WEBSOCKETS: usize = 256;

/// The state of the routes.
#[derive(Clone)]
struct Rpc {
    devnet: Devnet,
    /// A permit for each WebSocket that may still be opened.
    websockets: Arc<Semaphore>,
}

/// Returns the routes of the RPC address: JSON-RPC at `/` and `/jsrpc`, by POST and over a
/// WebSocket, and the endpoints below `/devnet`.
pub(crate) fn router(devnet: Devnet) -> Router {
    let rpc = Rpc { devnet: devnet.clone(), websockets: Arc::new(Semaphore::new(MAX_WEBSOCKETS)) };
    let endpoint = get(connect).post(post);
    // Some clients have the path of the public networks.
    let routes = Router::new().route("/", endpoint.clone()).route("/jsrpc", endpoint).with_state(rpc);
    http::finished(routes.merge(control::router(devnet)))
}

async fn connect(
    State(Rpc { devnet, websockets }): State<Rpc>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let hint = "POST JSON-RPC 2.0 calls to this address, or open a WebSocket.\n";
        let allow = [(header::ALLOW, HeaderValue::from_static("POST"))];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, hint).into_response();
    };
    let Ok(permit) = websockets.try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets are open\n").into_response();
    };
    upgrade.max_message_size(MAX_BODY_BYTES).max_frame_size(MAX_BODY_BYTES).on_upgrade(async move |socket| {
        websocket::serve(devnet, socket).await;
        drop(permit);
    })
}

async fn post(State(Rpc { devnet, .. }): State<Rpc>, body: Body) -> Response {
    let answer = match request_body::read(body, MAX_BODY_BYTES, BODY_TIMEOUTS).await {
        Ok(text) => respond(&devnet, None, &text).await,
        Err(error) => Some(answer(Value::Null, Err(RpcError::invalid_request(&error.to_string())))),
    };
    match answer {
        Some(answer) => {
            let json = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, json)], answer.to_string()).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}
