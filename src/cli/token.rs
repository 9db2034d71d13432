//! `token`: prints a bearer token.

use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::flags;
use super::output::show;
use crate::{
    api::tokens::{Authenticator, CLIENT_SUBJECT},
    config::Config,
};

const EXAMPLE: &str = "\
Example:
  curl -H \"Authorization: Bearer $(witness-server token)\" http://127.0.0.1:8088/status";

/// Arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE, args = flags::of_settings(&["data_dir"]))]
pub(crate) struct TokenArgs {
    /// Lifetime of the token, such as 30s, 1h or 7days
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub ttl: Duration,
}

/// Prints a token, signed with the configured secret or with the one that a server generated in the
/// data folder.
///
/// # Errors
/// Fails if there is no secret, or if the lifetime is longer than a token can express.
pub(crate) fn run(args: &TokenArgs, config: &Config) -> Result<(), CliError> {
    show(&Authenticator::new(&config.client_secret()?).mint(CLIENT_SUBJECT, args.ttl)?)
}
