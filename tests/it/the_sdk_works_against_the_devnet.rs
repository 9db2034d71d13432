//! The official zkSync Lite SDK works against the devnet, unchanged.

use std::path::PathBuf;
use std::process::Command;

use crate::support::npm::{self, succeeded};
use crate::support::{Devnet, heavy};

fn project() -> PathBuf {
    npm::project("sdk", &["examples/devnet.mjs"])
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
    let run = |rpc: &str| {
        let mut node = Command::new("node");
        node.arg("devnet.mjs").current_dir(project()).env("DEVNET_RPC_URL", rpc);
        node.output().expect("node")
    };
    let without = String::from_utf8(run("http://127.0.0.1:1").stderr).unwrap();
    assert!(without.starts_with("no devnet answers") && without.lines().count() == 1, "{without}");
    let devnet = Devnet::start(&[]);
    let printed = succeeded(run(&devnet.rpc));
    assert!(printed.contains("has 1.5 DAI") && printed.contains("verified"), "{printed}");
}
