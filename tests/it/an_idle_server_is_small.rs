//! An idle server takes little memory: the unused histograms of sled are not initialised.

#![cfg(target_os = "linux")]

use crate::support::{Server, witnessed_sample};

/// Maximum anonymous memory, in KiB. On two cores, the server takes about 14,000; the histograms would
/// add 21,000.
const MOST: u64 = 24_000;

#[test]
fn a_started_server_with_a_few_blocks_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    witnessed_sample(&data);
    let server = Server::start(&data, &[]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < MOST, "{kib} KiB");
}
