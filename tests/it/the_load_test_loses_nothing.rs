//! The load test with the real binary: a short load is handled, nothing is lost, and no connection
//! stays open.

#[path = "../../benches/load/mod.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod load;

use std::time::Duration;

use crate::support::heavy;

const CONNECTIONS: u64 = 20;

#[test]
fn a_short_load_loses_nothing_and_leaves_no_connection_open() {
    let _heavy = heavy();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = load::LoadOptions {
        connections: CONNECTIONS as usize,
        duration: Duration::from_secs(4),
        heartbeat_interval: Duration::ZERO,
        data_dir: Some(data.clone()),
        scratch: folder.path().into(),
        server: env!("CARGO_BIN_EXE_witness-server").into(),
    };
    let report = load::run(options.clone()).unwrap();
    assert_eq!(report.complaint(), None);
    let report = report.json();

    assert_eq!((report["connections"].as_u64(), report["unexpected"].as_u64()), (Some(CONNECTIONS), Some(0)));
    for kind in ["get_job", "working_on", "publish", "import"] {
        let figures = &report["requests"][kind];
        let value = |name: &str| figures[name].as_f64().unwrap_or_else(|| panic!("{kind} {name}: {report}"));
        assert!(value("count") > 0.0 && value("per_s") > 0.0, "{kind}: {figures}");
        let percentiles = ["p50_ms", "p95_ms", "p99_ms", "max_ms"].map(value);
        assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{kind}: {figures}");
        let answered: u64 =
            report["statuses"][kind].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(answered as f64, value("count"), "{kind}");
    }
    let acknowledged = &report["acknowledged"];
    assert_eq!(acknowledged["missing"], 0);
    assert!(acknowledged["proofs"].as_u64().unwrap() > 0, "{acknowledged}");
    assert!(acknowledged["blocks"].as_u64() >= acknowledged["proofs"].as_u64(), "{acknowledged}");

    let server = &report["server"];
    let descriptors = |when: &str| server[when]["descriptors"].as_u64().unwrap();
    if cfg!(target_os = "linux") {
        // One for each prover, two of the feeder, and a second one of each slow reader.
        let most = descriptors("start") + 2 * CONNECTIONS + 2;
        assert!((descriptors("start")..=most).contains(&descriptors("end")), "{server}");
        assert!(descriptors("at_rest") <= descriptors("start") + 2, "{server}");
        assert!(server["end"]["resident_bytes"].as_u64().unwrap() > 1 << 20);
    }
    assert!(data.join("index").is_dir(), "the given data folder is missing");

    // A used folder is refused.
    load::run(options).err().expect("the folder is not empty");
}

#[test]
fn transfers_to_a_devnet_are_executed_and_final() {
    let server = env!("CARGO_BIN_EXE_witness-server").into();
    let options = load::devnet::DevnetOptions { senders: 3, transfers: 20, server };
    let report = load::devnet::run(&options).unwrap();
    assert_eq!((report.senders, report.transfers), (3, 60));
    assert!(report.blocks >= 1 && report.acknowledged_per_s > 0.0, "{report}");
}
