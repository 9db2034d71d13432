//! The whole command line: flags of every subcommand, and the subcommands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    backup, blocks, chain, check, completions, demo, devnet, doctor, explain, export, flags::SettingFlags,
    health, import, jobs, node, prover, provers, restore, revert, run, serve, status, token, top, version,
    witness,
};
use crate::config::{ConfigError, Flags};

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  failure; the message says what to do
  2  wrong command line or configuration
  3  the requested item does not exist (yet)
  4  the data folder cannot be opened, read or written, or another process uses it; or threads cannot be created
  5  the server cannot be reached, or refuses the token
  6  the data folder or the bundle is damaged or inconsistent; the findings say how

Settings: built-in defaults < TOML file < environment < flags; `serve --print-config` shows them all.
The secret comes from API_PROVER_SECRET_AUTH, or from the settings secret or secret_file.";

/// zkSync Lite prover witness server: sealed blocks in, witnesses and proving jobs out, everything
/// on local disk.
#[derive(Debug, Parser)]
#[command(name = "witness-server", version, long_version = version::description(), after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// Configuration file [default: witness-server.toml in the data folder, if it exists]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings", hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,
    /// Settings of the command line.
    #[command(flatten)]
    settings: SettingFlags,
    /// The subcommand.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve provers, imports and operators over HTTP, and build witnesses
    Serve(serve::ServeArgs),
    /// Import a chain folder into a data folder or into a running server
    Import(import::ImportArgs),
    /// Build every missing witness of a data folder, then exit
    Witness(witness::WitnessArgs),
    /// Write a witness, a job, a proof, a block or a bundle to standard output or a file
    Export(export::ExportArgs),
    /// Write a chain as a chain folder
    Chain(chain::ChainArgs),
    /// Replay a bundle offline and print which checks hold
    Check(check::CheckArgs),
    /// Show the progress of blocks, witnesses, jobs and proofs
    Status(status::StatusArgs),
    /// List jobs, show or drop one, requeue some, pause all claims, or watch them all
    Jobs(jobs::JobsArgs),
    /// Check the database of a zkSync Lite node
    Node(node::NodeArgs),
    /// Run sample provers for a running server; their proofs are not cryptographic
    Prover(prover::ProverArgs),
    /// List provers: when they were last seen, and the jobs they hold; block or unblock one
    Provers(provers::ProversArgs),
    /// List blocks with their stages, or retry one
    Blocks(blocks::BlocksArgs),
    /// Explain in a paragraph why a block is not proven yet
    Explain(explain::ExplainArgs),
    /// Watch a running server: stages, rates, jobs, provers
    Top(top::TopArgs),
    /// Revert a data folder to an earlier block
    Revert(revert::RevertArgs),
    /// Write everything that cannot be derived into one file, from a data folder or a running
    /// server
    Backup(backup::BackupArgs),
    /// Create a data folder from a backup
    Restore(restore::RestoreArgs),
    /// Check a data folder offline, down to every record, file and hash; with --repair, repair it
    Doctor(doctor::DoctorArgs),
    /// Ask the admin listener of this machine if the server is ready for work
    Health(health::HealthArgs),
    /// Print a bearer token, for curl and similar tools
    Token(token::TokenArgs),
    /// Run a sample chain through the whole system, with two sample provers
    Demo(demo::DemoArgs),
    /// Run a whole network for tests: accounts, JSON-RPC, REST, blocks, sample provers, finality
    Devnet(devnet::DevnetArgs),
    /// Run a chain folder through the whole system, with sample provers, for a pipeline: exit code,
    /// JUnit, summary
    Run(run::RunArgs),
    /// Print the completions for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(completions::ManArgs),
}

impl Cli {
    /// Returns the settings that flags give.
    ///
    /// # Errors
    /// Fails if a `--set` names an unknown setting or a secret, or has no `=`.
    pub fn flags(&self) -> Result<Flags, ConfigError> {
        self.settings.settings()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::target::Target;
    use crate::config::{Config, Environment};

    fn config(line: &str) -> Config {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        Config::load(cli.config.as_deref(), &Environment::default(), &cli.flags().unwrap()).unwrap()
    }

    #[test]
    fn every_argument_has_a_help_text() {
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
            "import --data-dir D --node postgres://db --from verified --until 7",
            "serve --data-dir D --node postgres://user@db/node --from 7 --share 1/3",
            "import --url http://127.0.0.1:8088 CHAIN",
            "import --data-dir D --url http://u CHAIN --wait 60s",
            "witness --data-dir D --until 7",
            "export --data-dir D witness 7 --out F",
            "export --url http://u job 7",
            "export --data-dir D proof 7",
            "export witness 7 --data-dir D",
            "export --data-dir D aggregated-proof 1 4",
            "export --data-dir D block 7",
            "export --data-dir D bundle --block 7 --out F",
            "export bundle --block 7 --url http://u",
            "export bundle 7 -u http://u -o F -f",
            "blocks list -d D --oldest -n 5 -j",
            "run CHAIN --until proven -q",
            "status -v",
            "chain export --data-dir D --out F",
            "chain --url http://u export --out F",
            "check bundle F",
            "check bundle - --json",
            "status --url http://u --json",
            "jobs list --url http://u --status failed --json",
            "jobs --data-dir D list --after 7 --limit 5",
            "jobs -s failed -n 5 -j",
            "jobs list --newest --before 9 -n 5 -j -s done",
            "jobs list --oldest",
            "jobs show 7 -j",
            "jobs requeue -s failed",
            "jobs show 7 --url http://u",
            "jobs requeue 7 --data-dir D",
            "jobs requeue 7 8 9 --url http://u",
            "jobs requeue --status failed --url http://u",
            "jobs requeue --blocks 3-7 --data-dir D",
            "jobs pause --url http://u",
            "jobs resume --data-dir D",
            "jobs drop 7 --url http://u",
            "jobs watch --url http://u --json",
            "provers --url http://u --json",
            "provers --url http://u --after p7 --limit 5",
            "provers list --url http://u --after p7 -n 5 -j",
            "provers block p7 --url http://u",
            "provers --data-dir D unblock p7",
            "prover",
            "prover --url http://u --name p -n 3 --prove-time 1s --exit-when-idle --wait 60s",
            "prover -d D --exit-when-idle 5s",
            "blocks --data-dir D --oldest --after 3 --limit 5",
            "blocks list --newest",
            "blocks retry 3 --data-dir D",
            "blocks --url http://u retry 3",
            "explain block 7 --url http://u",
            "top --url http://u",
            "top -d D --once -i 5s -s trouble",
            "node check --node postgres://u@h/d",
            "node --node postgres://u@h/d check",
            "export --node postgres://u@h/d --data-dir D proofs",
            "export --node postgres://u@h/d --url http://u proofs --blocks 3-7",
            "export everything --node postgres://u@h/d --data-dir D",
            "revert --data-dir D --to 3",
            "backup --url http://u --out F",
            "backup --data-dir D --out - --force",
            "restore --data-dir D F",
            "restore F --data-dir D --keep-going",
            "restore F --check",
            "completions bash",
            "man --out D",
            "man -o D -f",
            "doctor --data-dir D",
            "doctor --data-dir D --repair --accept-loss --json",
            "health",
            "health --alive --set admin_listen=127.0.0.1:3312",
            "token --ttl 1h",
            "demo",
            "demo --data-dir D --log-format json",
            "devnet",
            "devnet --data-dir D --rpc-listen 127.0.0.1:0 --rest-listen 127.0.0.1:0 --block-time 200ms --block-sizes 26,78 --accounts 3 --balance 7",
            "devnet --tokens T --provers 0 --prove-time 1s --finality manual --fork-from CHAIN --traffic 5",
            "run --script true --until verified --report junit.xml --provers 3",
            "run --import CHAIN --until proven",
            "run --import CHAIN --until verified --block 7 --timeout 10m --provers 4 --report junit.xml --summary summary.json",
        ] {
            let line = format!("witness-server {line}");
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_command_lines_are_refused() {
        for line in [
            "",
            "frobnicate",
            "import --data-dir D --node postgres://db CHAIN",
            "import --data-dir D CHAIN --until 7",
            "export --data-dir D",
            "export --data-dir D witness x",
            "export --data-dir D aggregated-proof 1",
            "export --data-dir D bundle",
            "export --data-dir D bundle 7 --block 7",
            "status -q -v",
            "run CHAIN --import CHAIN --until proven",
            "run CHAIN --script true --until proven",
            "chain export --data-dir D",
            "export --data-dir D proofs --blocks 7-3",
            "node",
            "check",
            "check bundle",
            "revert --data-dir D",
            "jobs list --newest --oldest",
            "blocks list --newest --oldest",
            "man --force",
            "jobs show 0 --data-dir D",
            "jobs requeue --data-dir D",
            "jobs requeue 7 --status failed --data-dir D",
            "jobs requeue --status idle --data-dir D",
            "jobs requeue --blocks 7-3 --data-dir D",
            "provers block --data-dir D",
            "jobs list --limit 0 --data-dir D",
            "explain 7 --data-dir D",
            "blocks retry 0 --data-dir D",
            "backup --data-dir D",
            "restore --data-dir D",
            "completions csh",
            "restore F --data-dir D --check",
            "token --ttl soon",
            "devnet --finality later",
            "devnet --block-time 0s",
            "run --until proven",
            "run --import CHAIN --script true --until proven",
            "run --script true --block 3 --until proven",
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
        assert_eq!(config.aggregate, Some(vec![1, 4]));
        let filter = |line: &str| self::config(line).log;
        assert_eq!(filter("witness-server status -v"), "debug");
        assert_eq!(filter("witness-server -q status"), "error");
        assert_eq!(filter("witness-server status -v --log warn"), "warn");
        assert_eq!(filter("witness-server status"), "info");
    }

    #[test]
    fn the_target_is_a_folder_or_a_server() {
        let target = |line: &str| Target::of(&config(line));
        let server = |line: &str| match target(line) {
            Target::Server(server) => server,
            Target::Folder(folder) => panic!("{line}: {}", folder.display()),
        };
        let of_url = server("witness-server status --url http://u/");
        assert_eq!(server("witness-server status --url http://u --data-dir D"), of_url);
        assert_eq!(server("witness-server status --url http://u --set data_dir=D"), of_url);
        assert_eq!(server("witness-server status --set url=http://u"), of_url);
        assert_ne!(server("witness-server status"), of_url);
        for line in ["witness-server status --data-dir D", "witness-server status --set data_dir=D"] {
            assert_eq!(target(line), Target::Folder("D".into()));
        }
    }
}
