//! A server in this process and sample provers that talk to it over HTTP, for `demo` and `run`.

mod chain_progress;
mod drive;
mod layer_one;
mod milestone;
mod settings;

pub use chain_progress::{BlockTimes, ChainProgress, missing};
pub use drive::{DriveOptions, Ending, REQUEST_TIMEOUT, drive, sample_prover};
pub use layer_one::confirm_proven;
pub use milestone::Milestone;
pub use settings::{DataFolder, aggregate_all};
