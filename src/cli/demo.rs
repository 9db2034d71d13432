//! `demo`: a sample chain through the whole system.

use clap::Args;

use super::{CliError, DataDirArgs};
use crate::config::Config;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The data folder [default: a temporary one]
    #[command(flatten)]
    pub folder: DataDirArgs,
}

/// Imports the sample chain, serves on loopback, runs two sample provers, and ends when all is proven and verified.
///
/// # Errors
/// See [`CliError`].
pub fn run(_args: &DemoArgs, _config: &Config) -> Result<(), CliError> {
    // TODO(integrator): the demo.
    Err(CliError::NotWired("demo"))
}
