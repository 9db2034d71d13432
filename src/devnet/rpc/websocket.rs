//! JSON-RPC over a WebSocket: one message for each text frame, and notifications.

use axum::extract::ws::{Message as Frame, WebSocket};

use super::dispatch::respond;
use super::subscriptions::Subscriptions;
use crate::devnet::devnet::Devnet;

/// Serves a connection until the client closes it.
pub(super) async fn serve(devnet: Devnet, mut socket: WebSocket) {
    let mut subscriptions = Subscriptions::default();
    let mut changes = devnet.changes();
    loop {
        let frame = tokio::select! {
            frame = socket.recv() => frame,
            changed = changes.changed() => {
                if changed.is_err() || send_due(&devnet, &mut subscriptions, &mut socket).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let text = match frame {
            Some(Ok(Frame::Text(text))) => text.as_str().as_bytes().to_vec(),
            Some(Ok(Frame::Binary(bytes))) => bytes.to_vec(),
            // The library answers pings by itself.
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => continue,
            Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
        };
        let response = respond(&devnet, Some(&mut subscriptions), &text).await;
        if let Some(response) = response
            && socket.send(Frame::text(response.to_string())).await.is_err()
        {
            return;
        }
        // The event that a new subscription waits for may have happened already.
        if send_due(&devnet, &mut subscriptions, &mut socket).await.is_err() {
            return;
        }
    }
}

async fn send_due(
    devnet: &Devnet,
    subscriptions: &mut Subscriptions,
    socket: &mut WebSocket,
) -> Result<(), axum::Error> {
    let due = devnet.read(|ledger| subscriptions.due(ledger, devnet.tokens()));
    for notification in due {
        socket.send(Frame::text(notification.to_string())).await?;
    }
    Ok(())
}
