//! zkSync Lite prover witness server: sealed blocks in, witnesses and proving jobs out, everything on local disk.
//!
//! # The way of a block
//!
//! ```text
//! import ─▶ blocks ─▶ maintainers ─▶ witnesses ─▶ updater ─▶ job queue ─▶ provers
//!                                                    ▲                       │
//!                      aggregated operations ────────┴────── proofs ◀────────┘
//! ```
//!
//! 1. [`workers::import`] checks a sealed block against the state after the block before it, and stores it.
//! 2. A maintainer (`workers/maintainer.rs`) builds its witness: [plan](mod@witness::plan) what each chunk shows, [hash](tree) every
//!    version of the account tree at once, [assemble](witness::assemble) the `ProverData`.
//! 3. The updater (`workers/updater.rs`) turns the witness into a job; with the proofs of a range of blocks and a `CreateProofBlocks`
//!    operation it makes an aggregated job.
//! 4. The [server] hands jobs out and takes proofs in; `workers/proofs.rs` says what a proof must satisfy.
//! 5. The [store] keeps all of it: small records in sled, large bodies in checksummed files.
//! 6. A [backup] is what the rest can be derived from; `workers/rebuild.rs` makes a store of it.
//! 7. A [bundle] is one block with all that its witness follows from, to be replayed elsewhere.
//! 8. Operators look by `report`: as JSON over HTTP, on the dashboard (`server/dashboard`), and in a terminal by [`cli`], there also without
//!    a server. A node counts in [`metrics`].
//!
//! # Layers
//!
//! Dependencies point one way; a test enforces it.
//!
//! ```text
//! crypto ← domain ← tree ← witness ┐
//!              └────── store ──────┴← workers ← backup, bundle ← server ← app, cli
//! ```
//!
//! [`witness`] knows the protocol and no hashes, [`tree`] knows hashes and no protocol, [`store`] knows neither.
//!
//! # Embedding
//!
//! With the feature `testing`, the module `testing` has a whole server for a test, on a temporary folder, free ports and a clock of its own;
//! `examples/embed.rs` embeds one.

pub mod api;
pub mod app;
mod backoff;
pub mod backup;
pub mod bundle;
pub mod chain_folder;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
mod fsync;
mod input;
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod invented_chain;
pub(crate) mod logging;
pub mod metrics;
mod report;
pub mod server;
pub mod service;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub(crate) mod tls;
pub mod tree;
pub mod witness;
pub mod workers;
