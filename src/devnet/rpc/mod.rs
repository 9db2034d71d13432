//! JSON-RPC 2.0 over HTTP and WebSocket (docs/protocol/08-devnet-api.md §3, §9).
//!
//! | module | content |
//! | --- | --- |
//! | `error` | error objects with the codes of the reference |
//! | `params` | the arguments of a call |
//! | `request`, `methods` | the methods: their arguments, and their implementation |
//! | `envelope` | calls, batches of calls, notifications |
//! | `dispatch` | answers to messages |
//! | `subscriptions`, `websocket` | a connection that reports changes |
//! | `router` | the routes of the RPC address |

mod dispatch;
mod envelope;
mod error;
mod methods;
mod params;
mod request;
mod router;
mod subscriptions;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod websocket;

#[cfg(any(test, feature = "testing"))]
pub(super) use dispatch::decode;
pub(crate) use router::router;
