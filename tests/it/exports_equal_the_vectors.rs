//! Import, build witnesses, export: the bytes are those of the vectors, with and without a server.

use crate::support::{self, Server, chain, run_badly, run_well, unpacked, until};

const CHAINS: [&str; 4] = ["deposit", "cpk_ecdsa", "forced_exit", "full_exit_nft"];

#[test]
fn exports_of_a_folder_are_the_vectors() {
    for name in CHAINS {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        run_well(&["import", "--data-dir", dir, chain(name).to_str().unwrap()]);
        run_badly(&["export", "--data-dir", dir, "witness", "1"], 3);
        run_well(&["witness", "--data-dir", dir, "--set", "witness_generators=1"]);
        let expected = unpacked(&chain(name).join("expected/000001.prover_data.json.zst"));
        assert!(run_well(&["export", "--data-dir", dir, "witness", "1"]) == expected, "{name}");
        let out = folder.path().join("witness.json");
        run_well(&["export", "--data-dir", dir, "witness", "1", "--out", out.to_str().unwrap()]);
        assert!(std::fs::read(&out).unwrap() == expected, "{name}");
        let status: serde_json::Value =
            serde_json::from_slice(&run_well(&["status", "--data-dir", dir, "--json"])).unwrap();
        assert_eq!(status["blocks"]["head"], status["blocks"]["witnessed"]);
    }
}

#[test]
fn exports_of_a_server_are_the_vectors() {
    for name in CHAINS {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &["--witness-generators", "2"]);
        let url = server.url.as_str();
        for _ in 0..2 {
            run_well(&["import", "--url", url, chain(name).to_str().unwrap()]);
        }
        until(|| (server.get("/api/v1/jobs/1").status == 200).then_some(()));
        let expected = unpacked(&chain(name).join("expected/000001.prover_data.json.zst"));
        assert!(run_well(&["export", "--url", url, "witness", "1"]) == expected, "{name}");
        let block: serde_json::Value =
            serde_json::from_slice(&run_well(&["export", "--url", url, "block", "1"])).unwrap();
        assert_eq!(block, support::block(name));
        let job = run_well(&["export", "--url", url, "job", "1"]);
        assert_eq!(server.terminate(), Some(0));
        let dir = folder.path().to_str().unwrap();
        assert!(run_well(&["export", "--data-dir", dir, "job", "1"]) == job);
    }
}
