//! The commands of README and docs are run: block after block, by a shell, in a temporary folder,
//! with the binary under test.
//!
//! `cargo` is replaced by a script that starts what is already built, and the ports of the docs by
//! free ones. Commands that cannot run in a test are listed with the reason; they still parse
//! (`documented_commands_parse`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::node_database::{NodeDatabase, PASSWORD};
use crate::support::{free_port, http, until};

/// First lines of blocks that are not run, with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo run --release -- demo", ".ci/run does"),
    (
        "npm install zksync@0.13.1 ethers@5 && node examples/devnet.mjs",
        "needs Node.js; the_sdk_works_against_the_devnet does",
    ),
    ("cargo test", "it runs this test"),
    ("cargo install --locked --path .", "builds for minutes"),
    ("name=witness-server-x86_64-unknown-linux-musl", "downloads a release"),
    ("rustup target add x86_64-unknown-linux-musl", "builds for minutes"),
    (
        "sudo install -m 755 target/release/witness-server /usr/local/bin/witness-server",
        "needs root and systemd",
    ),
    ("docker build -t witness-server .", "needs a container engine"),
    ("ssh -N -L 3312:127.0.0.1:3312 HOST", "needs another machine"),
    ("cargo bench", "measures for long; benchmark_figures_are_sound runs a part of it"),
    ("cargo bench -- chain", "measures for minutes"),
    ("cargo bench -- long-chain", "measures for minutes"),
    (
        "cargo bench -- engines witnesses",
        "measures for minutes; benchmark_figures_are_sound runs a part of it",
    ),
    (
        "cargo bench --bench load -- --connections 500 --duration 60s",
        "measures for a minute; the_load_test_loses_nothing runs a short one",
    ),
    (
        "cargo bench --bench load -- devnet",
        "measures for a minute; the_load_test_loses_nothing sends fewer transfers",
    ),
];

/// First lines of blocks that require a stopped server.
const STOPPED: &[&str] = &[
    "witness-server backup --data-dir testnet --out testnet.backup --force",
    "witness-server export --node postgres://prover_server@db.example/zksync --set node_password_file=node.password --data-dir prover everything",
];
/// The database of the guide to nodes.
const NODE: &str = "postgres://prover_server@db.example/zksync";

struct Block {
    place: String,
    text: String,
}

fn blocks(file: &str) -> Vec<Block> {
    let markdown = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let mut blocks = Vec::new();
    let mut block = None;
    for (number, line) in markdown.lines().enumerate() {
        match &mut block {
            None if line == "```console" => {
                block = Some(Block { place: format!("{file}:{}", number + 2), text: String::new() });
            }
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some(block) => block.text.push_str(&format!("{line}\n")),
            None => {}
        }
    }
    blocks
}

impl Block {
    fn first_line(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    /// Returns true if its last command is a server, which keeps running during the following
    /// blocks.
    fn serves(&self) -> bool {
        let last = self.text.lines().last().unwrap();
        let serves = last.starts_with("witness-server serve ") && !last.contains("--print-config");
        serves || last.starts_with("witness-server devnet ")
    }
}

/// The environment in which the commands run.
struct Machine {
    home: tempfile::TempDir,
    /// In place of those of server, dashboard, JSON-RPC and REST.
    ports: [u16; 4],
    variables: Vec<(&'static str, &'static str)>,
    /// Texts of the commands, with what stands for them.
    replaced: Vec<(&'static str, String)>,
    /// The block that a server reaches before the next commands are run.
    head: u64,
    server: Option<Child>,
}

impl Machine {
    fn new(variables: &[(&'static str, &'static str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        symlink(root.join("data"), home.path().join("data")).unwrap();
        symlink(root.join("data/sample-chain"), home.path().join("chain")).unwrap();
        let programs = home.path().join("programs");
        fs::create_dir(&programs).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_witness-server"));
        symlink(binary, programs.join("witness-server")).unwrap();
        let examples = binary.parent().unwrap().join("examples");
        assert!(
            examples.join("sample_prover").exists(),
            "run `cargo build --examples` first, or the whole `cargo test`"
        );
        let script = format!(
            "#!/bin/sh\nset -eu\n[ \"$1\" = run ]; shift\nprogram=witness-server\nwhile [ $# -gt 0 ]; do case $1 in\n\
             --release) shift;;\n--example) program={}/$2; shift 2;;\n--) shift; break;;\nesac; done\nexec \"$program\" \"$@\"\n",
            examples.display()
        );
        let cargo = programs.join("cargo");
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(cargo, fs::Permissions::from_mode(0o755)).unwrap();
        let ports = [free_port(), free_port(), free_port(), free_port()];
        Self { home, ports, variables: variables.to_vec(), replaced: Vec::new(), head: 0, server: None }
    }

    fn shell(&self, text: &str) -> Command {
        let [port, admin, rpc, rest] = self.ports.map(|port| port.to_string());
        let text = text.replace("8088", &port).replace("3312", &admin).replace("3001", &rest);
        let listen = format!("devnet --rpc-listen 127.0.0.1:{rpc} --rest-listen 127.0.0.1:{rest} ");
        let mut text = text.replace("witness-server devnet ", &format!("witness-server {listen}"));
        for (from, to) in &self.replaced {
            text = text.replace(from, to);
        }
        let programs: PathBuf = self.home.path().join("programs");
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &text])
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()))
            .env("WITNESS_SERVER_LISTEN", format!("127.0.0.1:{port}"))
            .env("WITNESS_SERVER_ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
            .envs(self.variables.iter().copied())
            .stdin(Stdio::null());
        shell
    }

    fn run(&self, place: &str, text: &str) {
        let output = self.shell(text).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place}: {}\n{text}\n{stdout}\n{stderr}", output.status);
    }

    /// Starts a server in place of the one before; returns once every stored block has its witness.
    fn serve(&mut self, place: &str, text: &str) {
        self.stop();
        let mut child =
            self.shell(text).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.starts_with("serving on ") || line == "ready"),
            "{place}: it does not serve\n{text}"
        );
        self.server = Some(child);
        let admin = format!("http://127.0.0.1:{}", self.ports[1]);
        until(|| {
            let blocks = http(&admin, "GET", "/api/v1/status", None, "").json()["blocks"].clone();
            (blocks["head"] == blocks["witnessed"] && blocks["head"].as_u64()? >= self.head).then_some(())
        });
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // The shell and its children.
            let group = format!("-{}", server.id());
            assert!(Command::new("kill").args(["-TERM", "--", &group]).status().unwrap().success());
            server.wait().unwrap();
            let address = format!("127.0.0.1:{}", self.ports[0]);
            until(|| TcpListener::bind(&address).ok());
        }
    }

    fn run_all(&mut self, file: &str) -> usize {
        let mut run = 0;
        for block in blocks(file) {
            if NOT_RUN.iter().any(|(line, _)| *line == block.first_line()) {
                continue;
            }
            run += 1;
            if STOPPED.contains(&block.first_line()) {
                self.stop();
            }
            match block.serves() {
                true => self.serve(&block.place, &block.text),
                false => self.run(&block.place, &block.text),
            }
        }
        run
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            let group = format!("-{}", server.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
    }
}

#[test]
fn the_readme_from_top_to_bottom() {
    assert!(Machine::new(&[]).run_all("README.md") >= 4);
}

#[test]
fn the_guide_to_operation() {
    // The guide starts with an installed server that has blocks.
    let mut machine = Machine::new(&[("API_PROVER_SECRET_AUTH", "a secret of thirty-two bytes or more")]);
    machine.run("before", "witness-server import --data-dir testnet data/sample-chain");
    machine.serve("before", "witness-server serve --data-dir testnet");
    assert!(machine.run_all("docs/operation.md") >= 9);
}

#[test]
fn the_guide_to_pipelines() {
    // The guide assumes a server as a service of the pipeline.
    let mut machine = Machine::new(&[]);
    let service = "export API_PROVER_SECRET_AUTH=\"a secret of thirty-two bytes or more\"\nwitness-server serve --data-dir service";
    machine.serve("before", service);
    assert_eq!(machine.run_all("docs/formats.md"), 1);
    assert!(machine.run_all("docs/ci.md") >= 3);
}

#[test]
fn the_guide_to_provers() {
    assert!(Machine::new(&[]).run_all("docs/provers.md") >= 6);
}

#[test]
fn the_guide_to_the_devnet() {
    assert!(Machine::new(&[]).run_all("docs/devnet.md") >= 4);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn the_guide_to_nodes() {
    let database = NodeDatabase::new();
    database.load("chain_mixed");
    let markdown = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/node.md")).unwrap();
    let statements: Vec<&str> =
        markdown.split("```sql\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    // The role of the first block exists.
    database.sql(statements[1]);
    let url = database.url();
    let (begin, end) = (url.find(":password").unwrap(), url.find('@').unwrap());
    let mut machine = Machine::new(&[("API_PROVER_SECRET_AUTH", "a secret of thirty-two bytes or more")]);
    machine.replaced =
        vec![(NODE, format!("{}{}", &url[..begin], &url[end..])), ("the password", PASSWORD.to_owned())];
    machine.head = 8;
    assert!(machine.run_all("docs/node.md") >= 5);
    assert_eq!(database.count("SELECT count(*) FROM block_witness"), 5);
}

#[test]
fn the_workflows_for_pipelines_are_complete_and_their_steps_run() {
    let markdown = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md")).unwrap();
    let workflows: Vec<&str> =
        markdown.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert_eq!(workflows.len(), 4);
    let mut run = 0;
    for workflow in workflows {
        let exists = |line: &str| workflow.lines().any(|found| found == line);
        for line in ["on: [push]", "jobs:", "    runs-on: ubuntu-latest", "    steps:"] {
            assert!(exists(line), "{line:?} is missing in\n{workflow}");
        }
        // The repository has several packages, so cargo requires a name.
        for line in workflow.lines().filter(|line| line.contains("cargo install")) {
            assert!(line.ends_with(concat!(" ", env!("CARGO_PKG_NAME"))), "{line:?} names no package");
        }
        for command in workflow.lines().filter_map(|line| line.strip_prefix("      - run: witness-server ")) {
            Machine::new(&[]).run("docs/ci.md", &format!("witness-server {command}"));
            run += 1;
        }
    }
    assert_eq!(run, 1);
}

/// Returns the code of the given language in the guide to pipelines.
fn example_of(language: &str) -> String {
    let markdown = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md")).unwrap();
    let (_, code) = markdown.split_once(&format!("```{language}\n")).unwrap();
    code.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_python_example_runs() {
    let machine = Machine::new(&[]);
    fs::write(machine.home.path().join("test.py"), example_of("python")).unwrap();
    machine.run("docs/ci.md", "env -u WITNESS_SERVER_LISTEN -u WITNESS_SERVER_ADMIN_LISTEN python3 test.py");
}

#[test]
#[ignore = "needs Node.js"]
fn the_javascript_example_runs() {
    let machine = Machine::new(&[]);
    fs::write(machine.home.path().join("test.mjs"), example_of("js")).unwrap();
    machine.run("docs/ci.md", "node --test test.mjs");
}

/// The manifest and the test of the guide, with this folder in place of the repository. The
/// packages are those of this workspace, so that only the new one is compiled.
#[test]
#[ignore = "needs cargo and its registry"]
fn the_rust_example_compiles_in_a_package_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = tempfile::tempdir().unwrap();
    let manifest = example_of("toml");
    let git = "git = \"https://github.com/OWNER/zksync-witness-server\"";
    assert!(manifest.contains(git), "{manifest}");
    let manifest = manifest.replace(git, &format!("path = {root:?}"));
    fs::write(package.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), package.path().join("Cargo.lock")).unwrap();
    fs::create_dir_all(package.path().join("src")).unwrap();
    fs::write(package.path().join("src/lib.rs"), "").unwrap();
    fs::create_dir(package.path().join("tests")).unwrap();
    fs::write(package.path().join("tests/witnesses.rs"), example_of("rust")).unwrap();
    let check = Command::new("cargo")
        .args(["check", "--tests", "--quiet"])
        .env("CARGO_TARGET_DIR", root.join("target"))
        .current_dir(package.path())
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn links_and_pictures_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md"), root.join("SECURITY.md")];
    files.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut links = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(file).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            if !link.contains("://") && !link.starts_with('#') {
                let to = file.parent().unwrap().join(link.split('#').next().unwrap());
                assert!(to.exists(), "{} links to {link}", file.display());
                links += 1;
            }
        }
    }
    assert!(links > 10, "{links}");
}

#[test]
fn no_other_document_has_commands_and_every_exception_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let name = format!("docs/{}", entry.unwrap().file_name().into_string().unwrap());
        if name.ends_with(".md") {
            let found = blocks(&name);
            let guides = ["operation", "ci", "devnet", "node", "provers", "formats"];
            let run = guides.iter().any(|guide| name == format!("docs/{guide}.md"));
            let excepted = |block: &Block| NOT_RUN.iter().any(|(line, _)| *line == block.first_line());
            assert!(run || found.iter().all(excepted), "{name} has commands that are not run");
            all.extend(found);
        }
    }
    all.extend(blocks("README.md"));
    let exists = |line: &str| all.iter().any(|block| block.first_line() == line);
    for line in NOT_RUN.iter().map(|(line, _)| line).chain(STOPPED) {
        assert!(exists(line), "no block starts with {line:?}");
    }
}
