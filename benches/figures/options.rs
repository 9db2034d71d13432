//! Options of a benchmark: parts, sizes and folders.

use std::path::PathBuf;

use clap::ValueEnum;

/// A group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Permutations and signature checks
    Engines,
    /// Witnesses against the naive baseline and the floor
    Witnesses,
    /// Trees built from an empty one
    Genesis,
    /// Job data over HTTP, latency from witness to job
    Delivery,
    /// Leases and heartbeats with and without history
    Queue,
    /// Stored blocks until all jobs are queued, with and without their import
    Chain,
    /// Cost of a block by accounts and chunks, with plots; start and memory of a large server
    Growth,
    /// Folder, memory, start and commands of a long chain, with plots
    LongChain,
}

/// Sizes of what is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Number of accounts in the trees that witnesses are built on.
    pub accounts: u32,
    /// Number of accounts in the largest data folder.
    pub large: u32,
    /// Number of accounts in the tree that the part `genesis` builds.
    pub genesis: u32,
    /// Number of accounts in the naive tree of the part `genesis`.
    pub naive_genesis: u32,
    /// Number of blocks of the imported chain.
    pub blocks: u32,
    /// Number of blocks of the longest chain.
    pub long_chain: u32,
    /// Number of short blocks with which the memory of a server is measured, and twice as many.
    pub short_blocks: u32,
    /// Number of finished jobs of the queue with history.
    pub history: u32,
    /// Number of repetitions of a measurement; half as many for slow naive baselines.
    pub repetitions: usize,
}

impl Scale {
    /// Full sizes, for which the bounds are chosen; the long chain takes most of the time.
    pub const FULL: Self = Self {
        accounts: 100_000,
        large: 1_000_000,
        genesis: 20_000,
        naive_genesis: 1_000,
        blocks: 1_000,
        long_chain: 30_000,
        short_blocks: 100_000,
        history: 100_000,
        repetitions: 5,
    };
    /// A tenth of the full sizes or less; a run takes minutes.
    pub const QUICK: Self = Self {
        accounts: 10_000,
        large: 20_000,
        genesis: 2_000,
        naive_genesis: 10,
        blocks: 100,
        long_chain: 3_000,
        short_blocks: 3_000,
        history: 2_000,
        repetitions: 3,
    };
}

/// Options of a benchmark.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parts to measure, in this order.
    pub parts: Vec<Part>,
    /// Sizes of what is measured.
    pub scale: Scale,
    /// Folder in which temporary data folders are created.
    pub scratch: PathBuf,
    /// The `witness-server` binary whose start is measured.
    pub server: PathBuf,
    /// Folder that plots are written to. If unset, no plots are written.
    pub plots: Option<PathBuf>,
}
