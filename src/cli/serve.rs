//! `serve`: the server itself.

use clap::Args;

use super::{CliError, DataDirArgs, show};
use crate::config::{Config, Flags};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The data folder; it is created if absent
    #[command(flatten)]
    pub folder: DataDirArgs,
    /// Address for provers, imports and operators [default: 127.0.0.1:8088]
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Address for metrics, health and the dashboard [default: 127.0.0.1:3312]
    #[arg(long, value_name = "IP:PORT")]
    pub admin_listen: Option<String>,
    /// Maintainer threads that build witnesses [default: 4]
    #[arg(long, value_name = "N")]
    pub witness_generators: Option<String>,
    /// Make aggregated operations of these sizes, such as 1,4,8 [default: none; they are imported]
    #[arg(long, value_name = "SIZES")]
    pub aggregate: Option<String>,
    /// Show every setting, its value and where it came from, then exit
    #[arg(long)]
    pub print_config: bool,
}

impl ServeArgs {
    /// Passes the flags on as settings.
    pub fn add_flags(&self, flags: &mut Flags) {
        self.folder.add_flags(flags);
        flags.add("listen", "--listen", self.listen.as_deref());
        flags.add("admin_listen", "--admin-listen", self.admin_listen.as_deref());
        flags.add("witness_generators", "--witness-generators", self.witness_generators.as_deref());
        flags.add("aggregate", "--aggregate", self.aggregate.as_deref());
    }
}

/// Serves until the process is told to stop.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &ServeArgs, config: &Config) -> Result<(), CliError> {
    if args.print_config {
        return show(&config.print());
    }
    config.require_data_dir()?;
    // TODO(integrator): create and open the folder, `secret::for_server`, bind both listeners, spawn the workers, serve.
    Err(CliError::NotWired("serve"))
}
