//! What this machine does with this program, as ratios against named baselines measured in the same run.
//!
//! `witness-server bench` and `cargo bench` print it. The baselines:
//!
//! - **franklin**: franklin-crypto's own Rescue permutation, one state after the other.
//! - **naive**: what the reference does, in a few lines: each leaf update and each fee rehashes its path with franklin, paths are read
//!   from the tree as it stands, signatures are checked one by one over franklin-crypto. Both sides must show the same roots and paths.
//! - **floor**: `leaf updates × 67 × time of a permutation in a batch ÷ cores`, what the hashes of a block would cost if nothing else did.
//!
//! | module | noun |
//! | --- | --- |
//! | [`figure`] | a measured value with the bound it is held against; table and JSON |
//! | [`timing`] | repeated measurements, their median and spread |
//! | [`naive_tree`], [`naive_signature`], [`naive_witness`] | the naive baseline |
//! | [`chain_builder`], [`mixed`] | invented blocks: transfers of any number, every other kind |
//! | [`memory`] | a stored tree in memory |
//! | [`engines`] | permutations, signature checks |
//! | [`witnesses`] | witnesses of a full, a mixed and a nearly empty block |
//! | [`genesis`] | trees from nothing |
//! | [`growth`], [`plot`] | cost of a block against accounts and chunks |
//! | [`start`] | start and memory of a server |
//! | [`rig`] | data folders and a server to measure on |
//! | [`delivery`] | job data over HTTP, latency from witness to job |
//! | [`queue`] | leases and heartbeats with and without history |
//! | [`chain`] | import of a chain until all jobs are queued |
//! | [`server_process`] | the real binary as a process, its memory and files |
//! | [`load`] | many provers at once against that process, for as long as one likes |

pub mod chain;
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod chain_builder;
pub mod delivery;
pub mod engines;
pub mod figure;
pub mod genesis;
pub mod growth;
pub mod load;
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod memory;
pub mod mixed;
pub mod naive_signature;
pub mod naive_tree;
pub mod naive_witness;
pub mod plot;
pub mod queue;
pub mod rig;
pub mod server_process;
pub mod start;
pub mod timing;
pub mod witnesses;

use std::path::PathBuf;

use clap::ValueEnum;

pub use chain_builder::ChainBuilder;
pub use figure::{Bound, Figure};
pub use memory::Memory;
pub use naive_tree::NaiveAccountTree;

/// A group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Permutations and signature checks
    Engines,
    /// Witnesses against the naive way and the floor
    Witnesses,
    /// Trees from nothing
    Genesis,
    /// Job data over HTTP, latency from witness to job
    Delivery,
    /// Leases and heartbeats with and without history
    Queue,
    /// Import of a chain until all jobs are queued
    Chain,
    /// Cost of a block against accounts and chunks, with plots; start and memory of a server with many accounts
    Growth,
}

/// How large everything is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Accounts of the trees that witnesses are built on.
    pub accounts: u32,
    /// Accounts of the large data folder.
    pub large: u32,
    /// Accounts of a tree that is built from nothing.
    pub genesis: u32,
    /// Accounts of a tree that is built the naive way.
    pub naive_genesis: u32,
    /// Blocks of the imported chain.
    pub blocks: u32,
    /// Finished jobs of the queue with history.
    pub history: u32,
    /// Repetitions of a measurement; half of them for the slow naive ones.
    pub repetitions: usize,
}

impl Scale {
    /// The sizes that the bounds are meant for; about a quarter of an hour.
    pub const FULL: Self = Self {
        accounts: 100_000,
        large: 1_000_000,
        genesis: 20_000,
        naive_genesis: 1_000,
        blocks: 1_000,
        history: 100_000,
        repetitions: 5,
    };
    /// A tenth of them and less; two minutes.
    pub const QUICK: Self = Self {
        accounts: 10_000,
        large: 20_000,
        genesis: 2_000,
        naive_genesis: 10,
        blocks: 50,
        history: 2_000,
        repetitions: 3,
    };
}

/// What to measure, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// How large everything is.
    pub scale: Scale,
    /// Where data folders are made and removed again; the system's temporary folder by default.
    pub scratch: PathBuf,
    /// The `witness-server` binary whose start is measured.
    pub server: PathBuf,
    /// Where plots are written; none without it.
    pub plots: Option<PathBuf>,
}

/// Measures, and gives each figure to `report` as soon as it is there.
///
/// # Errors
/// When a data folder cannot be worked with, or two ways to the same result disagree.
pub fn run(options: &Options, report: &mut dyn FnMut(Figure)) -> anyhow::Result<()> {
    for part in &options.parts {
        match part {
            Part::Engines => engines::run(options, report)?,
            Part::Witnesses => witnesses::run(options, report)?,
            Part::Genesis => genesis::run(options, report)?,
            Part::Delivery => delivery::run(options, report)?,
            Part::Queue => queue::run(options, report)?,
            Part::Chain => chain::run(options, report)?,
            Part::Growth => growth::run(options, report)?,
        }
    }
    Ok(())
}
