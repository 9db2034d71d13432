//! `health`: is the server on this machine fit for work? For health checks of containers, which have no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{CliError, runtime, show};
use crate::client::{Client, Credentials};
use crate::config::Config;

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Arguments of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask only whether the process answers, not whether it is fit for work
    #[arg(long)]
    pub alive: bool,
}

/// Asks the admin listener that is configured, without a token.
///
/// # Errors
/// See [`CliError`]: unreachable, or not fit for work and why.
pub fn run(args: &HealthArgs, config: &Config) -> Result<(), CliError> {
    let url = format!("http://{}", reachable(config.admin_listen));
    let client = Client::new(&url, Credentials::Anonymous, TIMEOUT)?;
    let path = if args.alive { "/healthz" } else { "/readyz" };
    let answer = runtime()?.block_on(client.get(path))?;
    if answer.status.is_success() {
        return show(if args.alive { "alive" } else { "ready" });
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reasons = body["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let reasons: Vec<&str> = reasons.collect();
    let reasons = if reasons.is_empty() { answer.status.to_string() } else { reasons.join("; ") };
    Err(CliError::Failed(format!("the server is not fit for work: {reasons}; its log says more")))
}

/// An address that stands for all of this machine is no address to connect to.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
