//! A whole server inside a test; only with the feature `testing`. Everything here panics on
//! failure.
//!
//! ```
//! use std::time::Duration;
//! use zksync_witness_server::testing::{Chain, TestServer};
//!
//! # #[tokio::main]
//! # async fn main() {
//! // A chain of 16 accounts, two of which send, and a server in a temporary folder with a stopped
//! // clock.
//! let mut chain = Chain::with_accounts(16, 2);
//! let mut server = TestServer::builder().manual_clock().start().await;
//! server.import_genesis(&chain.genesis()).await;
//! server.import_block(&chain.next_block(8)).await;
//! server.wait_until(|status| status.jobs.idle == 1).await;
//!
//! // A prover claims the job and sends no heartbeat: its lease ends, however fast this test runs.
//! let job = server.claim("silent").await.expect("there is a job");
//! server.advance(Duration::from_secs(3600));
//! server.wait_until(|status| status.jobs.idle == 1).await;
//! assert!(!server.heartbeat("silent", job).await);
//!
//! // The job waits for the end of its backoff. Acknowledged data survives the restart.
//! server.advance(Duration::from_secs(3600));
//! server.restart().await;
//! server.start_prover("diligent");
//! let status = server.wait_until(|status| status.jobs.done == 1).await;
//! assert_eq!(status.blocks.witnessed, 1);
//! server.stop().await;
//! # }
//! ```
//!
//! [`Chain`] also makes blocks with transactions of every kind, signed by a [`Wallet`]; its
//! documentation has an example. [`TestServer::client`] gives access to the rest of the API. The
//! builder has further options: the configuration ([`TestServerBuilder::configure`]), a folder that
//! is kept, provers from the start.

#[doc(hidden)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod decoders;
#[doc(hidden)]
#[allow(clippy::expect_used)]
pub mod dice;
#[doc(hidden)]
pub mod ledger;
#[doc(hidden)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod seeds;

#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod chain;
#[doc(hidden)]
pub mod internals;
mod small_disk;

#[doc(hidden)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod plonk;

#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod server;

#[allow(clippy::unwrap_used)]
mod memory;
mod naive_tree;
#[doc(hidden)]
pub mod random_chain;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod vectors;

#[doc(hidden)]
pub use crate::crypto::naive_signature;
pub use crate::domain::Address;
pub use chain::{Chain, ChainBuilder, Wallet};
#[doc(hidden)]
pub use memory::Memory;
#[doc(hidden)]
pub use naive_tree::NaiveAccountTree;
pub use server::{TestServer, TestServerBuilder};
#[doc(hidden)]
pub use small_disk::on_small_disk;
