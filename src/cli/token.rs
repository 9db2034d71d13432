//! `token`: a bearer token for curl.

use std::time::Duration;

use clap::Args;

use super::{CliError, DataDirArgs, show};
use crate::{
    api::tokens::{Authenticator, CLIENT_SUBJECT},
    config::{Config, secret},
};

const EXAMPLE: &str = "\
Example:
  curl -H \"Authorization: Bearer $(witness-server token)\" http://127.0.0.1:8088/status";

/// Arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct TokenArgs {
    /// How long the token is good, such as 30s, 1h or 7days
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub ttl: Duration,
    /// The data folder, when its server generated the secret
    #[command(flatten)]
    pub folder: DataDirArgs,
}

/// Prints a token.
///
/// # Errors
/// No secret; a life beyond what a token can state.
pub fn run(args: &TokenArgs, config: &Config) -> Result<(), CliError> {
    let secret = secret::for_client(config)?;
    show(&Authenticator::new(&secret).mint(CLIENT_SUBJECT, args.ttl)?)
}
