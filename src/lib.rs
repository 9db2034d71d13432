//! zkSync Lite prover witness server: sealed blocks in, witnesses and proving jobs out, everything
//! on local disk.
//!
//! # Public interface
//!
//! [`service`] runs the server, [`client`] talks to one, [`config`] holds the settings,
//! [`chain_folder`] reads chains from files, [`api`] has the types that server, client and command
//! line share. With the feature `testing`, the module `testing` has a whole server for a test, with
//! a temporary folder, free ports and a manual clock; `examples/embed.rs` embeds one. Everything
//! else is private; `cargo doc --document-private-items` shows it. Terms are in `docs/glossary.md`,
//! the protocol is in `docs/protocol`.
//!
//! # From a block to its proof
//!
//! ```text
//! import ─▶ blocks ─▶ hasher ─▶ maintainers ─▶ witnesses ─▶ updater ─▶ job queue ─▶ provers
//!                                                             ▲                       │
//!                               aggregated operations ────────┴────── proofs ◀────────┘
//! ```
//!
//! 1. `workers::import` checks a sealed block against the state after its predecessor and stores
//!    it.
//! 2. The hasher (`workers::hasher`) plans what each chunk of the witness shows (`witness::plan`) and
//!    hashes all versions of the account tree (`tree`). A maintainer (`workers::maintainer`)
//!    assembles the `ProverData` (`witness::assemble`) and stores it.
//! 3. The updater (`workers::updater`) adds a job for each witness. If the blocks of a
//!    `CreateProofBlocks` operation are all proven, it adds an aggregated job.
//! 4. `server` lets provers claim jobs and publish proofs; `workers::proofs` checks each proof.
//! 5. `store` keeps everything: small records in sled, large values in checksummed files, and a
//!    journal as a second copy of everything that cannot be derived.
//! 6. `backup` writes the same into one file; `workers::rebuild` fills a store from it.
//! 7. `bundle` writes one block with everything that determines its witness, and replays it
//!    elsewhere.
//! 8. `report` builds the views of `api` from a store: for HTTP and the dashboard (`server`), and
//!    for the command line (`cli`), which also works without a server. `metrics` counts and times.
//! 9. `node` follows the database of a zkSync Lite node: its blocks pass through the same import,
//!    and proofs are written back.
//! 10. `devnet` puts a sequencer in front of a server: it admits transactions, executes them
//!     (`execution`), seals blocks and imports them like any other block.
//!
//! # Layers
//!
//! Dependencies point one way, between modules and between files;
//! `tests/it/layers_point_one_way.rs` has the table and enforces it.
//!
//! ```text
//! crypto ← domain ← tree ← execution
//!              │      └─── witness ┐
//!              └────── store ──────┴← workers ← backup, bundle, node, report ← server ← service ← devnet ← cli ← app
//!   api ← client ───────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! `crypto` is the package `zksync-witness-crypto` in `src/crypto`, so that tests run its arithmetic
//! optimised and build everything else fast. `witness` knows the protocol but no hashes, `tree` knows
//! hashes but no protocol, and `store` knows neither. The files next to these folders are helpers
//! below all layers: allocator, fsync, backoff, clock, limits of input files, TLS, logging.

#![cfg_attr(feature = "testing", deny(unreachable_pub))]
// The re-exports that only `testing::internals` uses.
#![cfg_attr(not(feature = "testing"), allow(unused_imports))]

mod access;
mod allocator;
pub mod api;
mod app;
mod backoff;
mod backup;
mod bundle;
pub mod chain_folder;
mod cli;
pub mod client;
mod clock;
pub mod config;
mod devnet;
mod domain;
mod execution;
mod fsync;
mod input;
mod logging;
mod metrics;
mod node;
mod printable;
mod report;
mod server;
pub mod service;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tls;
mod tree;
mod witness;
mod workers;

use zksync_witness_crypto as crypto;

pub use app::main;
