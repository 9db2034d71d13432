//! A server in this process and sample provers that talk to it over HTTP, for `demo` and `run`.

mod chain_progress;
mod drive;
mod layer_one;
mod milestone;
mod settings;

pub(crate) use chain_progress::{BlockTimes, ChainProgress, missing};
pub(crate) use drive::{DriveOptions, Ending, REQUEST_TIMEOUT, drive};
pub(crate) use milestone::Milestone;
pub(crate) use settings::{DataFolder, aggregate_all};
