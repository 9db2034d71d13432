//! Names, reasons and messages from outside reach neither a terminal nor a log as anything but
//! text: no command prints a character that steers, hides or reorders, nor a line that another
//! party wrote.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use zksync_witness_server::testing::internals::bundle;
use zksync_witness_server::testing::internals::store::{Preference, Store, StoreOptions};
use zksync_witness_server::testing::internals::workers::import;

use crate::support::{Server, block, genesis, run};

/// Each is part of a longer text; `FORGED` would be a line of its own.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{1b}]0;title\u{7}",
    "\u{1b}P+q\u{1b}\\",
    "\u{9b}31m",
    "\u{8}\u{8}\u{7f}",
    "a\r\nFORGED: all is well",
    "a\u{85}b\u{2028}c\u{2029}d",
    "\u{202e}gnp.exe\u{202c}",
    "\u{2066}a\u{2067}b\u{2069}",
    "\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}",
    "\u{e0001}\u{e0041}",
    "\u{fff9}\u{fffb}",
];

fn all() -> String {
    HOSTILE.concat()
}

/// Returns true for characters that have no place in an output, by a list of its own.
fn is_hostile(c: char) -> bool {
    let formats = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{2028}', '\u{2029}', '\u{feff}'];
    let ranges = [
        '\u{200b}'..='\u{200f}',
        '\u{202a}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e007f}',
    ];
    c.is_control() && c != '\n' && c != '\t'
        || formats.contains(&c)
        || ranges.iter().any(|range| range.contains(&c))
}

fn assert_plain(what: &str, bytes: &[u8]) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(text.chars().find(|c| is_hostile(*c)), None, "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{what}: {text:?}");
}

/// Runs a command, which may succeed or fail, but does not panic.
fn plain(args: &[&str]) -> Output {
    let output = run(args);
    let what = format!("{args:?}");
    assert_plain(&what, &output.stdout);
    assert_plain(&what, &output.stderr);
    assert!([0, 1, 2, 3, 4, 5, 6].contains(&output.status.code().unwrap()), "{what}: {output:?}");
    output
}

/// Commands about a folder or a server, without the target.
const COMMANDS: &[&[&str]] = &[
    &["status"],
    &["status", "--json"],
    &["jobs", "list"],
    &["jobs", "list", "--json"],
    &["jobs", "show", "1"],
    &["jobs", "show", "1", "--json"],
    &["jobs", "requeue", "1"],
    &["jobs", "drop", "1"],
    &["provers"],
    &["provers", "--json"],
    &["blocks"],
    &["blocks", "--json"],
    &["blocks", "retry", "1"],
    &["explain", "block", "1"],
    &["explain", "block", "1", "--json"],
    &["explain", "block", "2"],
    &["export", "witness", "1"],
    &["export", "job", "1"],
    &["export", "proof", "1"],
];
/// Commands about a folder only.
const OFFLINE: &[&[&str]] = &[&["witness"], &["revert", "--to", "7"], &["doctor"], &["doctor", "--json"]];

/// A folder with two blocks whose first job is held, and whose second block is quarantined.
fn folder(dir: &Path) {
    let store = Store::open(dir, StoreOptions::default()).unwrap();
    import::genesis(&store, &genesis("deposit"), &|_, _| {}).unwrap();
    import::block(&store, &serde_json::to_vec(&block("deposit")).unwrap()).unwrap();
    let quarantine = json!({"reason": all(), "operation": 1, "kind": all(), "at_ms": 1});
    store.chain().set_quarantine(1, serde_json::from_value(quarantine).unwrap()).unwrap();
    store.sync().unwrap();
}

#[test]
fn commands_about_a_folder_print_names_and_reasons_as_text() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let target: &[&str] = &["--data-dir", dir.path().to_str().unwrap()];
    let text = String::from_utf8(plain(&[&["blocks"], target].concat()).stdout).unwrap();
    assert!(text.contains(r"\u202egnp.exe"), "{text}");
    for command in COMMANDS.iter().chain(OFFLINE) {
        plain(&[*command, target].concat());
    }
}

#[test]
fn a_server_logs_and_shows_names_of_provers_as_text() {
    for format in ["human", "json"] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let data = dir.path().join("data");
        let server = Server::start_logging(&data, crate::support::SECRET, &["--log-format", format], &log);
        server.post("/api/v1/genesis", &String::from_utf8(genesis("deposit")).unwrap()).accepted();
        server.post("/api/v1/blocks", &block("deposit").to_string()).accepted();
        assert_eq!(server.next_job(&all())["job_id"], 1);
        // A proof of something else is rejected with a reason; an unknown variant is quoted.
        server.post(
            "/publish",
            &json!({"job_id": 1, "first_block": 1, "last_block": 1, "data": {all(): 1}}).to_string(),
        );
        server.post("/api/v1/aggregated_operations", &json!({all(): {"blocks": []}}).to_string());
        server.post("/stopped", &json!(all()).to_string()).accepted();
        assert_eq!(server.next_job(&all())["job_id"], 1);
        let online: &[&str] = &["--url", &server.url.clone()];
        for command in COMMANDS {
            plain(&[*command, online].concat());
        }
        plain(&[&["top"], online].concat());
        assert_eq!(server.terminate(), Some(0));
        let offline: &[&str] = &["--data-dir", data.to_str().unwrap()];
        for command in COMMANDS {
            plain(&[*command, offline].concat());
        }
        let log = fs::read(&log).unwrap();
        assert!(String::from_utf8_lossy(&log).contains(r"gnp.exe"), "the name is logged");
        assert_plain(format, &log);
    }
}

/// Answers every request with the status and JSON until the test ends.
fn fake(status: &'static str, body: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1 << 16]);
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes());
        }
    });
    url
}

#[test]
fn answers_of_another_server_are_text() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    let problem = json!({"type": "about:blank", "title": all(), "status": 409, "message": all(), "detail": all(),
        "code": all(), "request_id": all()});
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    for (status, body) in
        [("409 Conflict", problem.clone()), ("500 Error", problem.clone()), ("200 OK", problem)]
    {
        let url = fake(status, body);
        let online: &[&str] = &["--url", &url];
        // An answer that is exported is data, not text.
        let is_text = |command: &&&[&str]| status != "200 OK" || command[0] != "export";
        for command in COMMANDS.iter().filter(is_text) {
            plain(&[*command, online].concat());
        }
        plain(&[&["top"], online].concat());
        plain(&[&["backup", "--force", "--out", out], online].concat());
        plain(&[&["import", chain.to_str().unwrap()], online].concat());
        plain(&["health", "--url", &url]);
    }
}

#[test]
fn hostile_paths_are_text_in_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for name in HOSTILE {
        let path = dir.path().join(name.replace('/', "_"));
        let path = path.to_str().unwrap();
        let target: &[&str] = &["--data-dir", path];
        for command in [&["status"][..], &["doctor"], &["serve", "--set", "listen=nowhere"]] {
            plain(&[command, target].concat());
        }
        for command in [
            &["check", "bundle", path][..],
            &["restore", "--check", path],
            &["restore", path, "--data-dir", path],
            &["import", path, "--data-dir", path],
            &["status", "--config", path],
            &["status", "--url", &format!("http://127.0.0.1:1/{name}")],
        ] {
            plain(command);
        }
    }
}

#[test]
fn chain_files_and_bundles_are_text() {
    let dir = tempfile::tempdir().unwrap();
    let chain = dir.path().join("chain");
    fs::create_dir_all(chain.join("blocks")).unwrap();
    fs::create_dir(chain.join("aggregated_operations")).unwrap();
    fs::write(chain.join("genesis.json"), genesis("deposit")).unwrap();
    let mut hostile = block("deposit");
    hostile["block"]["block_transactions"][0]["type"] = json!(all());
    fs::write(chain.join("blocks/1.json"), hostile.to_string()).unwrap();
    let data = dir.path().join("data");
    let import = || plain(&["import", chain.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    assert!(!import().status.success());
    plain(&["run", "--import", chain.to_str().unwrap()]);
    fs::write(chain.join("blocks/1.json"), block("deposit").to_string()).unwrap();
    fs::write(chain.join("aggregated_operations/1.json"), json!({all(): {}}).to_string()).unwrap();
    assert!(!import().status.success());
    fs::write(chain.join("blocks").join(HOSTILE[0]), "x").unwrap();
    assert!(!import().status.success());

    let store = Store::open(&data, StoreOptions::default()).unwrap();
    let mut taken = bundle::export(&store, 1, 1).unwrap();
    taken.program = all();
    taken.engine = all();
    let quarantine = json!({"reason": all(), "operation": null, "kind": all(), "at_ms": 1});
    taken.quarantine = Some(serde_json::from_value(quarantine).unwrap());
    let file = dir.path().join("bundle");
    fs::write(&file, taken.to_file().unwrap()).unwrap();
    for json in [&[][..], &["--json"]] {
        let checked = plain(&[&["check", "bundle", file.to_str().unwrap()], json].concat());
        assert_eq!(checked.status.code(), Some(6));
        assert!(String::from_utf8(checked.stdout).unwrap().contains(r"\u202egnp.exe"));
    }
    assert!(store.queue().claim(&all(), Preference::default()).unwrap().is_none());
}
