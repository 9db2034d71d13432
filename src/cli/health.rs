//! `health`: asks a running server if it is ready. For health checks of containers, which have no
//! other program.

use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::output::show;
use super::runtime::runtime;
use super::target::reachable;
use crate::api::{paths, views::Readiness};
use crate::client::{Client, Credentials};
use crate::config::Config;

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Arguments of `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Ask only if the process answers, not if it is ready for work
    #[arg(long)]
    pub alive: bool,
}

/// Asks the configured admin listener, without a token.
///
/// # Errors
/// Fails if the server cannot be reached, or is not ready.
pub(crate) fn run(args: &HealthArgs, config: &Config) -> Result<(), CliError> {
    let url = format!("http://{}", reachable(config.admin_listen));
    let client = Client::new(&url, Credentials::Anonymous, TIMEOUT)?;
    let path = if args.alive { paths::HEALTHZ } else { paths::READYZ };
    let answer = runtime()?.block_on(client.get(path))?;
    if answer.status.is_success() {
        return show(if args.alive { "alive" } else { "ready" });
    }
    let reasons = serde_json::from_slice(&answer.body).map(|Readiness { reasons, .. }| reasons.join("; "));
    let reasons = reasons.unwrap_or_else(|_| answer.status.to_string());
    Err(CliError::Failed(format!("the server is not ready: {reasons}; see its log")))
}
