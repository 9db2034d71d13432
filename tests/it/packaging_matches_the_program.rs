//! Dockerfile and systemd unit: every path they copy exists, and the program has every command and
//! setting they use.
//!
//! No image is built here.

use std::path::Path;
use std::process::Command;

use clap::Parser;
use zksync_witness_server::config::{Config, Environment};
use zksync_witness_server::testing::internals::cli::Cli;

use crate::support::{Server, run, run_badly, until};

/// Reads a file of the repository; `None` in the published package, which has none of them.
fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

/// Parses a command line of the binary with the given environment variables.
fn parse(words: &[String], variables: &[(String, String)]) -> Config {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let environment = Environment::from_pairs(variables.iter().cloned());
    Config::load(None, &environment, &cli.flags().unwrap())
        .unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn json_words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_dockerfile_copies_existing_files_and_starts_an_existing_command() {
    let (docker, ignored) = (read("Dockerfile").unwrap(), read(".dockerignore").unwrap());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines: Vec<&str> = docker.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let after = |name: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
    };
    let mut copied = Vec::new();
    for copy in after("COPY").into_iter().filter(|copy| !copy.starts_with("--from")) {
        let words: Vec<&str> = copy.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(root.join(source).exists(), "COPY {source}");
            copied.push(format!("!{source}"));
        }
    }
    // The ignore file lets exactly the copied paths through.
    let mut let_through: Vec<String> =
        ignored.lines().filter(|line| line.starts_with('!')).map(str::to_owned).collect();
    copied.sort();
    let_through.sort();
    assert_eq!(copied, let_through);
    assert!(ignored.lines().any(|line| line == "*"));
    // These are used by the manifest or the sources.
    for needed in ["!Cargo.toml", "!Cargo.lock", "!src", "!benches", "!data"] {
        assert!(copied.iter().any(|copied| copied == needed), "{needed}");
    }
    let toolchain = read("rust-toolchain.toml").unwrap();
    let version = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    let minor = version.rsplit_once('.').unwrap().0;
    assert!(after("FROM")[0].contains(&format!("rust:{minor}-alpine")), "{}", after("FROM")[0]);
    let build = "cargo build --locked --release --bin witness-server";
    assert!(after("RUN").iter().any(|run| run.starts_with(build)), "no {build}");

    assert_eq!(*after("FROM").last().unwrap(), "scratch");
    let user = after("USER");
    assert!(user.len() == 1 && !user[0].starts_with('0') && user[0] != "root", "{user:?}");
    let pair =
        |line: &&str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    let variables: Vec<(String, String)> = after("ENV").iter().map(pair).collect();
    let entry = json_words(after("ENTRYPOINT")[0]);
    assert!(docker.contains(&format!("/src/target/release/witness-server {}", entry[0])), "{entry:?}");
    let config = parse(&[entry.clone(), json_words(after("CMD")[0])].concat(), &variables);
    assert_eq!(config.data_dir.as_deref(), Some(Path::new(after("VOLUME")[0])));
    assert!(config.listen.ip().is_unspecified(), "the published port must be reachable");
    assert_eq!(after("EXPOSE")[0], format!("{} {}", config.listen.port(), config.admin_listen.port()));
    let check = after("HEALTHCHECK")[0].split_once(" CMD ").unwrap().1;
    let check = json_words(check);
    assert_eq!(check[0], entry[0], "the image has no other program");
    parse(&check, &variables);
}

#[test]
fn the_unit_starts_an_existing_command() {
    let unit = read("deploy/systemd/witness-server.service").unwrap();
    let value = |name: &str| {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let words: Vec<String> = value("ExecStart")[0].split(' ').map(str::to_owned).collect();
    let folder = tempfile::tempdir().unwrap();
    // systemd creates these files.
    for credential in value("LoadCredential") {
        let name = folder.path().join(credential.split_once(':').unwrap().0);
        std::fs::write(name, "a-secret-of-thirty-two-bytes-or-more").unwrap();
    }
    let variables: Vec<(String, String)> = value("Environment")
        .iter()
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.replace("%d", folder.path().to_str().unwrap()))
        })
        .collect();
    let config = parse(&words, &variables);
    let state = format!("/var/lib/{}", value("StateDirectory")[0]);
    assert_eq!(config.data_dir.as_deref(), Some(Path::new(&state)));
    assert!(variables.iter().any(|(name, _)| name == "WITNESS_SERVER_SECRET_FILE"));
    let patience: u64 = value("TimeoutStopSec")[0].parse().unwrap();
    assert!(patience > 2 * config.shutdown_timeout.as_secs(), "running requests, then the flush");
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_finds_no_fault_in_the_unit() {
    let unit = read("deploy/systemd/witness-server.service").unwrap();
    let program = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")?.split(' ').next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("witness-server.service");
    // systemd refuses a unit whose program does not exist.
    std::fs::write(&copy, unit.replace(program, env!("CARGO_BIN_EXE_witness-server"))).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&copy).output().expect("systemd-analyze");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !text.contains("witness-server.service"), "{text}");
}

#[test]
fn the_health_check_answers_for_a_server_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let admin = format!("admin_listen={}", server.admin.strip_prefix("http://").unwrap_or(&server.admin));
    // The workers may still be starting.
    until(|| run(&["health", "--set", &admin]).status.success().then_some(()));
    assert_eq!(run(&["health", "--alive", "--set", &admin]).stdout, b"alive\n");
    assert_eq!(server.terminate(), Some(0));
    run_badly(&["health", "--set", &admin], 5);
}
