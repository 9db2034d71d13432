//! What is measured, at which size, and where.

use std::path::PathBuf;

use clap::ValueEnum;

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
