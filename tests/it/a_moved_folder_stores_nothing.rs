//! A server whose data folder is moved or removed acknowledges nothing, says why, and never writes
//! into the folder of another server.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::real_folder::files;
use crate::support::{Answer, Server, block, genesis, http, until};

const CHAIN: &str = "deposit";

fn readiness(server: &Server) -> Answer {
    http(&server.admin, "GET", "/readyz", None, "")
}

/// Waits until the server is not ready; returns the reasons.
fn reasons(server: &Server) -> String {
    let answer = until(|| Some(readiness(server)).filter(|answer| answer.status == 503));
    let reasons = answer.json()["reasons"].to_string();
    assert!(reasons.contains("moved or removed"), "{reasons}");
    reasons
}

fn import_genesis(server: &Server) -> Answer {
    server.post("/api/v1/genesis", &String::from_utf8(genesis(CHAIN)).unwrap())
}

fn import_block(server: &Server) -> Answer {
    server.post("/api/v1/blocks", &block(CHAIN).to_string())
}

/// Checks that every kind of acknowledgement is refused.
fn nothing_is_acknowledged(server: &Server) {
    import_block(server).refused(503, "unavailable");
    let claim = r#"{"prover_name":"p","aux_data":{}}"#;
    server.ask("GET", "/get_job", claim).refused(503, "unavailable");
}

#[test]
fn a_moved_folder_is_noticed_and_works_again_once_it_is_back() {
    let parent = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (parent.path().join("data"), parent.path().join("elsewhere"));
    let first = Server::start(&data, &[]);
    import_genesis(&first).accepted();
    assert_eq!(readiness(&first).status, 200);
    fs::rename(&data, &elsewhere).unwrap();
    assert!(reasons(&first).contains("its path leads to another folder"));
    nothing_is_acknowledged(&first);

    // A second server creates a folder under the old path.
    let second = Server::start(&data, &[]);
    nothing_is_acknowledged(&first);
    assert_eq!(readiness(&second).status, 200);
    second.post("/api/v1/blocks", &block(CHAIN).to_string()).refused(409, "no_genesis");
    assert_eq!(second.terminate(), Some(0));
    let of_second = files(&data);
    nothing_is_acknowledged(&first);
    // Longer than a background flush of the first one.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(files(&data) == of_second, "the first server wrote into the folder of the second");
    fs::remove_dir_all(&data).unwrap();

    fs::rename(&elsewhere, &data).unwrap();
    until(|| (readiness(&first).status == 200).then_some(()));
    import_block(&first).accepted();
    first.wait_for("/blocks/witnessed", 1);
    assert_eq!(first.terminate(), Some(0));
    let again = Server::start(&data, &[]);
    let status: Value = again.get("/api/v1/status").accepted().json();
    assert_eq!(status["blocks"]["head"], 1, "{status}");
}

#[test]
fn a_removed_folder_or_part_is_noticed() {
    type Removal = fn(&Path);
    let removals: [(&str, Removal); 5] = [
        ("data", |data| fs::remove_dir_all(data).unwrap()),
        ("LOCK", |data| fs::remove_file(data.join("LOCK")).unwrap()),
        ("index", |data| fs::remove_dir_all(data.join("index")).unwrap()),
        ("blobs", |data| fs::remove_dir_all(data.join("blobs")).unwrap()),
        ("journal", |data| fs::rename(data.join("journal"), data.join("other")).unwrap()),
    ];
    for (name, remove) in removals {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let server = Server::start(&data, &[]);
        import_genesis(&server).accepted();
        remove(&data);
        assert!(reasons(&server).contains(name), "{name}");
        nothing_is_acknowledged(&server);
    }
}
