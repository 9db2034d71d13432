//! `import`, `export` and `status` against a stub server that only records requests and answers
//! them.

use std::{
    fs,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::Uri, middleware::from_fn_with_state, routing};
use serde_json::{Value, json};
use zksync_witness_server::api::paths;
use zksync_witness_server::api::tokens::Authenticator;
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::server::{ApiError, ListenLimits, bind, require_token, serve};

type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Returns the status of a server with two blocks.
fn status() -> Value {
    json!({
        "version": "1",
        "genesis": null,
        "blocks": {
            "head": 2, "witnessed": 1, "proven": 0, "aggregated": 0, "verified": 0, "quarantined": [],
        },
        "witness_fault": null,
        "jobs": {
            "idle": 0, "in_progress": 1, "done": 0, "failed": 0, "pending": 1, "last_single_block": 1,
            "last_aggregated_block": 0, "paused_at_ms": null, "claimable_since_ms": null,
        },
        "aggregated_operations": {
            "commit_blocks": 0, "create_proof_blocks": 0, "publish_proof_blocks_onchain": 0,
            "execute_blocks": 0,
        },
        "space": {"free_bytes": 7, "min_free_bytes": 0, "low": false},
        "storage": null,
        "node": null,
        "provers": 1,
        "provers_suspended": 0,
        "provers_blocked": 0,
        "provers_withheld": [],
    })
}

async fn start() -> (String, Seen) {
    let seen = Seen::default();
    let record = {
        let seen = Arc::clone(&seen);
        move |uri: Uri, body: Bytes| async move {
            let body = String::from_utf8(body.to_vec()).unwrap();
            if body.contains("late") {
                return Err(ApiError::BlockOutOfOrder { expected: 1, got: 9 });
            }
            let (outcome, reason) = match body.as_str() {
                "1" => ("already_there", Value::Null),
                "3" => ("quarantined", json!("the root differs")),
                _ => ("stored", Value::Null),
            };
            let block = (uri.path() == paths::BLOCKS).then(|| body.parse::<u32>().unwrap());
            seen.lock().unwrap().push((uri.path().to_owned(), body));
            Ok(json!({"outcome": outcome, "block": block, "reason": reason}).to_string())
        }
    };
    let auth = Arc::new(Authenticator::new(&Secret::new("s").unwrap()));
    let router = Router::new()
        .route(paths::GENESIS, routing::post(record.clone()))
        .route(paths::BLOCKS, routing::post(record.clone()))
        .route(paths::AGGREGATED_OPERATIONS, routing::post(record))
        .route(paths::STATUS, routing::get(|| async { status().to_string() }))
        .route(&paths::witness(1), routing::get(|| async { "{\"exact\":  1}" }))
        .fallback(|| async { ApiError::NotFound { what: "that".to_owned() } })
        .layer(from_fn_with_state(auth, require_token));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let second = Duration::from_secs(1);
    let limits = ListenLimits {
        header_read_timeout: second,
        stall_timeout: second,
        max_connections: 8,
        shutdown_timeout: second,
    };
    tokio::spawn(serve(listener, None, router, limits, std::future::pending()));
    (url, seen)
}

async fn run(args: Vec<String>, secret: &'static str) -> Output {
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(args).env_clear().env("API_PROVER_SECRET_AUTH", secret).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn import_posts_everything_in_order_and_stops_at_the_first_refusal() {
    let (url, seen) = start().await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("blocks")).unwrap();
    fs::create_dir_all(root.join("aggregated_operations")).unwrap();
    fs::write(root.join("genesis.json"), "{}").unwrap();
    fs::write(root.join("blocks/000001.json"), "1").unwrap();
    fs::write(root.join("blocks/000002.json.zst"), zstd::encode_all(&b"2"[..], 3).unwrap()).unwrap();
    fs::write(root.join("aggregated_operations/1.json"), "{\"operation\": 1}").unwrap();
    let line = format!("import --url {url} {}", root.display());
    let output = run(words(&line), "s").await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = "blocks: 1 stored, 1 already there; aggregated operations: 1 stored\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), counts);
    let expected = [
        (paths::GENESIS, "{}"),
        (paths::BLOCKS, "1"),
        (paths::BLOCKS, "2"),
        (paths::AGGREGATED_OPERATIONS, "{\"operation\": 1}"),
    ];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(route, body)| (route.to_owned(), body.to_owned())));

    fs::write(root.join("blocks/000001.json"), "\"late\"").unwrap();
    let output = run(words(&line), "s").await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("the next is block 1") && error.contains("000001.json"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 5, "nothing after the refused block");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "blocks: 0 stored\n");

    // A quarantined block does not stop the import, and is a failure.
    fs::write(root.join("blocks/000001.json"), "1").unwrap();
    fs::write(root.join("blocks/000003.json"), "3").unwrap();
    fs::write(root.join("blocks/000004.json"), "4").unwrap();
    let output = run(words(&line), "s").await;
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let counts =
        "blocks: 2 stored, 1 already there, 1 quarantined (block 3); aggregated operations: 1 stored\n";
    assert_eq!((output.status.code(), out.as_str()), (Some(1), counts), "{error}");
    assert!(error.contains("the root differs") && error.contains("explain block 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn export_gives_the_bytes_and_exit_codes_tell_failures_apart() {
    let (url, _) = start().await;
    let output = run(words(&format!("export --url {url} witness 1")), "s").await;
    assert_eq!(output.stdout, b"{\"exact\":  1}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("witness.json");
    let line = format!("export --url {url} witness 1 --out {}", file.display());
    assert!(run(words(&line), "s").await.status.success());
    assert_eq!(fs::read(&file).unwrap(), b"{\"exact\":  1}");
    for (item, secret, code) in [
        ("witness 2", "s", 3),
        ("job 1", "s", 3),
        ("aggregated-proof 1 2", "s", 3),
        ("witness 1", "wrong", 5),
    ] {
        let output = run(words(&format!("export --url {url} {item}")), secret).await;
        assert_eq!(output.status.code(), Some(code), "{item}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_json_or_lines() {
    let (url, _) = start().await;
    let output = run(words(&format!("status --url {url} --json")), "s").await;
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), status());
    let output = run(words(&format!("status --url {url}")), "s").await;
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().any(|line| line.split_whitespace().eq(["imported", "2"])), "{lines}");
    assert!(lines.contains("Problems:") && lines.contains("genesis"), "{lines}");
}
