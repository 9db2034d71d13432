//! Options of a devnet.

use std::path::PathBuf;
use std::time::Duration;

use super::tokens::Tokens;

/// The event that makes a block final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Finality {
    /// The proof of the block.
    Proof,
    /// Its sealing.
    Instant,
    /// A request.
    Manual,
}

/// Options of a devnet.
#[derive(Debug, Clone)]
pub(crate) struct DevnetOptions {
    /// Longest time from the first operation of a block to its sealing.
    pub block_time: Duration,
    /// Sizes of blocks in chunks, ascending.
    pub block_sizes: Vec<usize>,
    /// Number of funded accounts.
    pub accounts: u32,
    /// Balance of each funded account in each token, in whole tokens.
    pub balance: u64,
    /// Mnemonic from which the keys of the funded accounts are derived.
    pub mnemonic: String,
    /// The tokens.
    pub tokens: Tokens,
    /// Number of sample provers.
    pub provers: u32,
    /// Time that a sample prover takes for a proof.
    pub prove_time: Duration,
    /// The event that makes a block final.
    pub finality: Finality,
    /// Largest number of transactions that wait for their execution.
    pub mempool_limit: usize,
    /// Chain folder or backup whose last state an empty data folder starts from.
    pub fork_from: Option<PathBuf>,
}
