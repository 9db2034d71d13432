//! Import a chain, build its witnesses, export them: every byte is the reference's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/vectors.rs"]
mod vectors;

use std::path::Path;
use std::process::{Command, Output};

use vectors::Chain;

fn witness_server(data: &Path, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn check(chain: &Chain) {
    let data = tempfile::tempdir().unwrap();
    witness_server(data.path(), &["import", chain.folder.to_str().unwrap()]);
    witness_server(data.path(), &["witness"]);
    for (index, expected) in chain.expected.iter().enumerate() {
        let number = (index + 1).to_string();
        let witness = witness_server(data.path(), &["export", "witness", &number]).stdout;
        assert!(witness == vectors::read(expected), "{}: block {number} differs", chain.name);
    }
}

#[test]
fn all_chains_in_this_repository() {
    let chains = vectors::shipped();
    assert!(chains.len() > 70);
    chains.iter().for_each(check);
}

/// `WITNESS_VECTORS=folder cargo test --release -- --ignored`: every chain below that folder.
#[test]
#[ignore = "needs a folder of vectors in WITNESS_VECTORS"]
fn all_chains_below_a_folder_of_vectors() {
    let Some(folder) = std::env::var_os("WITNESS_VECTORS") else {
        panic!("set WITNESS_VECTORS to a folder of vectors");
    };
    let chains = vectors::in_folder(Path::new(&folder));
    assert!(!chains.is_empty(), "no chain with expected witnesses below {}", folder.display());
    chains.iter().for_each(check);
    println!("{} chains", chains.len());
}
