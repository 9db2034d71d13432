//! A stopped data folder that `cp -r` copied without its `secret` serves what the original serves.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Server, run_well};

#[test]
fn a_copy_without_the_secret_serves_the_same_as_the_original() {
    let root = tempfile::tempdir().unwrap();
    let (data, copy) = (root.path().join("data"), root.path().join("copy"));
    let path = |folder: &Path| folder.to_str().unwrap().to_owned();
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    run_well(&["run", "--import", &path(&chain), "--until", "verified", "--data-dir", &path(&data)]);
    fs::write(data.join("secret"), "of the original").unwrap();

    assert!(Command::new("cp").arg("-r").args([&data, &copy]).status().unwrap().success());
    fs::remove_file(copy.join("secret")).unwrap();

    assert_eq!(served(&copy), served(&data));
    assert_eq!(fs::read_to_string(data.join("secret")).unwrap(), "of the original");
    run_well(&["doctor", "--data-dir", &path(&copy)]);
}

/// The answers of a server on the folder: blocks, witnesses, proofs, job data and what the status
/// counts.
fn served(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let server = Server::start(folder, &[]);
    let jobs = server.get("/api/v1/jobs").accepted().json();
    let jobs = jobs["jobs"].as_array().unwrap().iter().map(|job| format!("/api/v1/jobs/{}/data", job["id"]));
    let blocks = (1..=8).map(|block| format!("/api/v1/blocks/{block}"));
    let blocks = blocks.flat_map(|block| ["", "/witness", "/proof"].map(|item| format!("{block}{item}")));
    let routes: Vec<String> = jobs.chain(blocks).collect();
    assert!(routes.len() > 24, "no jobs: {routes:?}");
    let mut answers: Vec<_> = routes
        .into_iter()
        .map(|route| {
            let body = server.get(&route).accepted().body;
            (route, body)
        })
        .collect();
    let status: Value = server.get("/api/v1/status").accepted().json();
    for part in ["blocks", "jobs"] {
        answers.push((part.to_owned(), status[part].to_string().into_bytes()));
    }
    answers
}
