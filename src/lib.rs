//! zkSync Lite prover witness server.

pub mod app;
pub mod chain_folder;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod logging;
pub mod server;
pub mod store;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod testing;
pub mod tree;
pub mod witness;
pub mod workers;
