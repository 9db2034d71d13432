//! The command line: one file a subcommand, each with its arguments and its `run`.
//!
//! Flags that stand for a setting are passed on as text; the configuration checks them, so that a flag, a variable and a
//! line of the file meet the same rules and the same words.

// Who closes a pipe must not make a panic: see `output`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod backup;
pub mod blocks;
pub mod check;
pub mod completions;
pub mod demo;
pub mod doctor;
mod error;
pub mod explain;
pub mod export;
pub mod folder;
pub mod health;
pub mod import;
pub mod in_process;
mod input;
pub mod jobs;
mod output;
mod progress;
pub mod provers;
pub mod restore;
pub mod revert;
pub mod run;
pub mod serve;
mod source;
pub mod status;
mod table;
mod target;
pub mod token;
pub mod top;
pub mod witness;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub use error::CliError;
pub use output::{show, tell, write_output};
pub use progress::{Progress, Stages};
pub use target::{DataDirArgs, Target, TargetArgs, client, runtime};

use crate::config::{ConfigError, Flags};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the message says what to do
  2  wrong command line or configuration
  3  what was asked for does not exist (yet)
  4  the data folder cannot be opened, or another process uses it
  5  the server cannot be reached, or refuses the token
  6  the data folder, or the bundle, is damaged or inconsistent; the findings say how

Settings: built-in defaults < TOML file < environment < flags; `serve --print-config` shows them all.
The secret comes from API_PROVER_SECRET_AUTH, or from the settings secret or secret_file.";

/// zkSync Lite prover witness server: sealed blocks in, witnesses and proving jobs out, everything on local disk.
#[derive(Debug, Parser)]
#[command(name = "witness-server", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// Arguments that every subcommand takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// Arguments that every subcommand takes.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// Configuration file [default: witness-server.toml in the data folder, if there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// Any setting, such as gone_timeout=30s; can be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Settings")]
    pub set: Vec<String>,
    /// Log filter, such as info or warn,zksync_witness_server=debug
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Settings")]
    pub log: Option<String>,
    /// Log format: human or json
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Settings")]
    pub log_format: Option<String>,
    /// Arithmetic of the hashes: auto, portable, avx512ifma or franklin
    #[arg(long, global = true, value_name = "NAME", help_heading = "Settings")]
    pub cpu_features: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve provers, imports and operators over HTTP, and build witnesses
    Serve(serve::ServeArgs),
    /// Import a chain folder into a data folder or into a running server
    Import(import::ImportArgs),
    /// Build every missing witness of a data folder, then exit
    Witness(witness::WitnessArgs),
    /// Write a witness, a job, a proof, a block or a bundle to standard output or a file
    Export(export::ExportArgs),
    /// Replay a bundle offline, and say what holds
    Check(check::CheckArgs),
    /// Show how far blocks, witnesses, jobs and proofs are
    Status(status::StatusArgs),
    /// List jobs, show one, requeue or drop it, or watch them all
    Jobs(jobs::JobsArgs),
    /// List provers: when they were seen, what they hold
    Provers(provers::ProversArgs),
    /// List blocks: how far each is
    Blocks(blocks::BlocksArgs),
    /// Say in a paragraph why a block is not proven yet
    Explain(explain::ExplainArgs),
    /// Show a running server at a glance, live: stages, rates, jobs, provers
    Top(top::TopArgs),
    /// Take a data folder back to an earlier block
    Revert(revert::RevertArgs),
    /// Write everything that cannot be derived into one file, from a data folder or a running server
    Backup(backup::BackupArgs),
    /// Make a data folder from a backup
    Restore(restore::RestoreArgs),
    /// Check a data folder offline, down to every record, file and hash; repair it if asked to
    Doctor(doctor::DoctorArgs),
    /// Ask the admin listener of this machine whether the server is fit for work
    Health(health::HealthArgs),
    /// Print a bearer token, for curl and the like
    Token(token::TokenArgs),
    /// Run a sample chain through the whole system, with two sample provers
    Demo(demo::DemoArgs),
    /// Take a chain folder through the whole system, with sample provers, for a pipeline: exit code, JUnit, summary
    Run(run::RunArgs),
    /// Print the completions for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(completions::ManArgs),
}

impl Cli {
    /// The flags that stand for settings.
    ///
    /// # Errors
    /// A `--set` that names no setting.
    pub fn flags(&self) -> Result<Flags, ConfigError> {
        let mut flags = Flags::new();
        for assignment in &self.global.set {
            flags.set(assignment)?;
        }
        flags.add("log", "--log", self.global.log.as_deref());
        flags.add("log_format", "--log-format", self.global.log_format.as_deref());
        flags.add("cpu_features", "--cpu-features", self.global.cpu_features.as_deref());
        match &self.command {
            Command::Serve(args) => args.add_flags(&mut flags),
            Command::Import(args) => args.target.add_flags(&mut flags),
            Command::Witness(args) => args.folder.add_flags(&mut flags),
            Command::Export(args) => args.target.add_flags(&mut flags),
            Command::Status(args) => args.target.add_flags(&mut flags),
            Command::Jobs(args) => args.target.add_flags(&mut flags),
            Command::Provers(args) => args.target.add_flags(&mut flags),
            Command::Blocks(args) => args.target.add_flags(&mut flags),
            Command::Explain(args) => args.target.add_flags(&mut flags),
            Command::Top(args) => args.add_flags(&mut flags),
            Command::Revert(args) => args.folder.add_flags(&mut flags),
            Command::Backup(args) => args.target.add_flags(&mut flags),
            Command::Restore(args) => args.folder.add_flags(&mut flags),
            Command::Doctor(args) => args.folder.add_flags(&mut flags),
            Command::Token(args) => args.folder.add_flags(&mut flags),
            Command::Demo(args) => args.folder.add_flags(&mut flags),
            Command::Run(args) => args.folder.add_flags(&mut flags),
            Command::Check(_) | Command::Completions(_) | Command::Health(_) | Command::Man(_) => {}
        }
        Ok(flags)
    }
}

/// A time as an argument.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a duration above zero with its unit, such as 500ms, 60s or 1h 30m".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::{Config, Environment};

    fn config(line: &str) -> Config {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        Config::load(cli.global.config.as_deref(), &Environment::default(), &cli.flags().unwrap()).unwrap()
    }

    #[test]
    fn the_definitions_are_sound_and_every_help_text_is_there() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            assert!(sub.get_about().is_some(), "{}", sub.get_name());
            for argument in sub.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", sub.get_name(), argument.get_id());
            }
        }
        assert!(command.render_help().to_string().contains("Exit codes:"));
    }

    #[test]
    fn the_published_command_lines_parse() {
        for line in [
            "serve --data-dir D --listen 127.0.0.1:8088 --admin-listen 127.0.0.1:3312 --witness-generators 4 --aggregate 1,4,8",
            "serve --data-dir D --verification-keys K --set verify_concurrency=2",
            "serve --print-config",
            "import --data-dir D CHAIN",
            "import --url http://127.0.0.1:8088 CHAIN",
            "witness --data-dir D --until 7",
            "export --data-dir D witness 7 --out F",
            "export --url http://u job 7",
            "export --data-dir D proof 7",
            "export witness 7 --data-dir D",
            "export --data-dir D aggregated-proof 1 4",
            "export --data-dir D block 7",
            "export --data-dir D bundle --block 7 --out F",
            "export bundle --block 7 --url http://u",
            "check bundle F",
            "check bundle - --json",
            "status --url http://u --json",
            "jobs list --url http://u --status failed --json",
            "jobs --data-dir D list --after 7 --limit 5",
            "jobs show 7 --url http://u",
            "jobs requeue 7 --data-dir D",
            "jobs drop 7 --url http://u",
            "jobs watch --url http://u --json",
            "provers --url http://u --json",
            "provers --url http://u --after p7 --limit 5",
            "blocks --data-dir D --oldest --after 3 --limit 5",
            "blocks retry 3 --data-dir D",
            "blocks --url http://u retry 3",
            "explain block 7 --url http://u",
            "top --url http://u",
            "revert --data-dir D --to 3",
            "backup --url http://u --out F",
            "backup --data-dir D --out - --force",
            "restore --data-dir D F",
            "restore F --data-dir D --keep-going",
            "restore F --check",
            "completions bash",
            "man --out D",
            "doctor --data-dir D",
            "doctor --data-dir D --repair --json",
            "health",
            "health --alive --set admin_listen=127.0.0.1:3312",
            "token --ttl 1h",
            "demo",
            "demo --data-dir D --log-format json",
            "run --import CHAIN --until proven",
            "run --import CHAIN --until verified --block 7 --timeout 10m --provers 4 --report junit.xml --summary summary.json",
        ] {
            let line = format!("witness-server {line}");
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_command_lines_do_not() {
        for line in [
            "",
            "frobnicate",
            "import --data-dir D --url http://u CHAIN",
            "import --data-dir D",
            "export --data-dir D",
            "export --data-dir D witness x",
            "export --data-dir D aggregated-proof 1",
            "export --data-dir D bundle 7",
            "check",
            "check bundle",
            "revert --data-dir D",
            "jobs --data-dir D",
            "jobs show 0 --data-dir D",
            "jobs list --limit 0 --data-dir D",
            "explain 7 --data-dir D",
            "blocks retry 0 --data-dir D",
            "top --data-dir D",
            "backup --data-dir D",
            "restore --data-dir D",
            "completions csh",
            "restore F --data-dir D --check",
            "token --ttl soon",
            "run --until proven",
            "run --import CHAIN --until done",
            "run --import CHAIN --until proven --block 0",
            "run --import CHAIN --until proven --timeout 0s",
        ] {
            let line = format!("witness-server {line}");
            assert!(Cli::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }

    #[test]
    fn flags_reach_the_configuration() {
        let config = config(
            "witness-server serve --data-dir D --listen 127.0.0.1:1 --witness-generators 9 --aggregate 1,4 --set history=7",
        );
        assert_eq!(config.data_dir.unwrap().to_str(), Some("D"));
        assert_eq!(config.listen.port(), 1);
        assert_eq!((config.witness_generators, config.history), (9, 7));
        assert_eq!(config.aggregate, [1, 4]);
    }

    #[test]
    fn the_target_is_a_folder_or_a_server() {
        let target = |line: &str| {
            let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
            let Command::Status(args) = &cli.command else { panic!("not status") };
            args.target.resolve(&config(line))
        };
        assert_eq!(target("witness-server status --data-dir D").unwrap(), Target::Folder("D".into()));
        let server = Target::Server("http://u".to_owned());
        assert_eq!(target("witness-server status --url http://u/").unwrap(), server);
        assert_eq!(target("witness-server status --url http://u --set data_dir=D").unwrap(), server);
        assert_eq!(target("witness-server status --set data_dir=D").unwrap(), Target::Folder("D".into()));
        assert_eq!(target("witness-server status --set url=http://u").unwrap(), server);
        assert_eq!(target("witness-server status").unwrap_err().exit_code(), 2);
    }
}
