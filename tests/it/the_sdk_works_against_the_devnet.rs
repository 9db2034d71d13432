//! The official zkSync Lite SDK works against the devnet, unchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Devnet, heavy};

/// Copies the Node project to `target` and installs its packages there, so that nothing is written
/// among the sources.
fn project() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk");
    fs::create_dir_all(&project).unwrap();
    let sources = fs::read_dir(root.join("tests/sdk")).unwrap().map(|entry| entry.unwrap().path());
    for source in sources.chain([root.join("examples/devnet.mjs")]).filter(|source| source.is_file()) {
        fs::copy(&source, project.join(source.file_name().unwrap())).unwrap();
    }
    let lock = fs::read(project.join("package-lock.json")).unwrap();
    let installed = project.join("installed-lock.json");
    if !fs::read(&installed).is_ok_and(|before| before == lock) {
        // Neither package needs the scripts of what it depends on.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&project);
        succeeded(npm.output().expect("npm"));
        fs::write(&installed, lock).unwrap();
    }
    project
}

fn succeeded(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
#[ignore = "needs Node.js with npm"]
fn every_call_of_the_sdk_is_answered() {
    let _heavy = heavy();
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap"])
        .current_dir(project())
        .env("WITNESS_SERVER", env!("CARGO_BIN_EXE_witness-server"));
    let report = succeeded(node.output().expect("node"));
    assert!(report.contains("# fail 0"), "{report}");
}

#[test]
#[ignore = "needs Node.js with npm"]
fn the_example_runs() {
    let _heavy = heavy();
    let devnet = Devnet::start(&[]);
    let mut node = Command::new("node");
    node.arg("devnet.mjs").current_dir(project()).env("DEVNET_RPC_URL", &devnet.rpc);
    let printed = succeeded(node.output().expect("node"));
    assert!(printed.contains("has 1.5 DAI") && printed.contains("verified"), "{printed}");
}
