//! Below the floor of free space nothing is imported, claimed or witnessed, but proofs are still
//! accepted. Once space is available, everything resumes by itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use zksync_witness_server::api::tokens::Authenticator;
use zksync_witness_server::config::{Config, Environment, Flags, Secret};
use zksync_witness_server::testing::internals::clock::ManualClock;
use zksync_witness_server::testing::internals::domain::sample_single_proof;
use zksync_witness_server::testing::internals::server;
use zksync_witness_server::testing::internals::server::{Limits, ListenLimits, Monitor};
use zksync_witness_server::testing::internals::store::{ManualSpace, Store, StoreOptions};
use zksync_witness_server::testing::internals::workers::{Node, NodeOptions};

use crate::support::{Answer, SECRET, block, genesis, http, input_of, token, until};

const FLOOR: u64 = 1_000_000;

/// A server in this process; the test sets its clock and its free space.
struct Server {
    node: Arc<Node>,
    space: Arc<ManualSpace>,
    clock: Arc<ManualClock>,
    url: String,
    admin: String,
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (space, clock) = (Arc::new(ManualSpace::new(FLOOR)), Arc::new(ManualClock::new(1)));
        let options = StoreOptions {
            min_free_bytes: FLOOR,
            space: space.clone(),
            clock: clock.clone(),
            ..StoreOptions::default()
        };
        let store = Arc::new(Store::open(folder.path(), options).unwrap());
        let node =
            Node::new(store, NodeOptions { interval: Duration::from_millis(20), ..NodeOptions::default() });
        node.start().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let config = Config::load(None, &Environment::default(), &Flags::new()).unwrap();
        let authenticator = Authenticator::new(&Secret::new(SECRET).unwrap());
        let routers = [
            server::main_router(node.clone(), Monitor::idle(), authenticator, Limits::from(&config)),
            server::admin_router(node.clone(), Monitor::idle(), None, Limits::from(&config), true, None),
        ];
        let [url, admin] = routers.map(|router| {
            let listener = runtime.block_on(server::bind("127.0.0.1:0".parse().unwrap())).unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let limits = ListenLimits::from(&config);
            runtime.spawn(server::serve(listener, None, router, limits, std::future::pending()));
            url
        });
        Self { node, space, clock, url, admin, _runtime: runtime, _folder: folder }
    }

    fn free(&self, bytes: u64) {
        self.space.set(bytes);
        self.clock.advance(1_000);
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        http(&self.url, method, path, Some(&token()), body)
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, body)
    }

    fn get_job(&self) -> Answer {
        self.ask("GET", "/get_job", r#"{"prover_name":"p","aux_data":{}}"#)
    }

    fn status(&self) -> Value {
        self.ask("GET", "/api/v1/status", "").accepted().json()
    }

    fn ready(&self) -> Value {
        let answer = http(&self.admin, "GET", "/readyz", None, "");
        let ready = answer.json();
        assert_eq!(answer.status, if ready["ready"] == true { 200 } else { 503 }, "{ready}");
        ready
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.node.stop();
    }
}

fn refused(answer: &Answer) {
    answer.refused_about(507, "low_space", "999999");
    answer.refused_about(507, "low_space", "1000000");
    assert_eq!(answer.json()["code"], "low_space");
}

#[test]
fn imports_claims_and_witnesses_stop_proofs_are_accepted_and_all_resumes_by_itself() {
    let server = Server::start();
    let (genesis, imported) = (genesis("deposit"), block("deposit"));
    let genesis = String::from_utf8(genesis).unwrap();
    let operation = json!({"ExecuteBlocks": {"blocks": [imported["block"]]}}).to_string();
    let enough = json!({"free_bytes": FLOOR, "min_free_bytes": FLOOR, "low": false});
    assert_eq!(server.status()["space"], enough);

    server.free(FLOOR - 1);
    refused(&server.post("/api/v1/genesis", &genesis));
    server.free(2 * FLOOR);
    server.post("/api/v1/genesis", &genesis).accepted();
    server.free(FLOOR - 1);
    refused(&server.post("/api/v1/blocks", &imported.to_string()));
    server.free(2 * FLOOR);
    server.post("/api/v1/blocks", &imported.to_string()).accepted();
    let job = until(|| Some(server.get_job().accepted().json()).filter(|job| job["job_id"] != 0));

    server.free(FLOOR - 1);
    let short = json!({"free_bytes": FLOOR - 1, "min_free_bytes": FLOOR, "low": true});
    assert_eq!(server.status()["space"], short);
    let ready = server.ready();
    assert_eq!(ready["ready"], json!(false));
    assert!(ready["reasons"][0].as_str().unwrap().contains("insufficient storage"), "{ready}");
    refused(&server.get_job());
    refused(&server.post("/api/v1/aggregated_operations", &operation));
    // An item that is already stored is still acknowledged.
    assert_eq!(
        server.post("/api/v1/blocks", &imported.to_string()).accepted().json()["outcome"],
        "already_there"
    );
    // A prover finishes its job.
    server.post("/working_on", r#"{"prover_name":"p","job_id":1}"#).accepted();
    server.post("/stopped", r#""p""#).accepted();
    let proof = json!({"BlockProof": sample_single_proof(&input_of(&imported), 1)});
    let (first, last) = (&job["first_block"], &job["last_block"]);
    let published = json!({"job_id": 1, "first_block": first, "last_block": last, "data": proof});
    server.post("/publish", &published.to_string()).accepted();
    assert_eq!(server.status()["jobs"]["done"], 1);

    // Work resumes only some bytes above the floor.
    server.free(FLOOR);
    refused_at(&server.get_job(), FLOOR);
    server.free(FLOOR + FLOOR / 16);
    assert_eq!(server.get_job().accepted().json()["job_id"], 0);
    server.post("/api/v1/aggregated_operations", &operation).accepted();
    assert_eq!(server.ready()["reasons"], json!([]));
}

fn refused_at(answer: &Answer, free: u64) {
    answer.refused_about(507, "low_space", &free.to_string());
}

#[test]
fn maintainers_wait_for_space() {
    let server = Server::start();
    server.free(2 * FLOOR);
    // The block is stored before the maintainers start, so that they cannot be faster than the
    // test.
    server.node.stop();
    let store = server.node.store().clone();
    let node = Node::new(
        store.clone(),
        NodeOptions { interval: Duration::from_millis(20), ..NodeOptions::default() },
    );
    node.import_genesis(&genesis("deposit"), &|_, _| {}).unwrap();
    node.import_block(block("deposit").to_string().as_bytes()).unwrap();
    server.free(0);
    node.start().unwrap();
    // Twenty intervals.
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!((store.tree().head().unwrap(), store.queue().counts().unwrap().idle), (0, 0));
    server.free(2 * FLOOR);
    until(|| (store.queue().counts().unwrap().idle == 1).then_some(()));
    assert_eq!(store.tree().head().unwrap(), 1);
    node.stop();
}
