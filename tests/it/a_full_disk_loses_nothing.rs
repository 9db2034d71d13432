//! The server on a small file system that fills up during imports and proofs: everything it
//! acknowledged is stored, and it resumes without a restart once space is available.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use zksync_witness_server::testing::internals::domain::sample_single_proof;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};
use zksync_witness_server::testing::{Chain, on_small_disk};

use crate::support::{Answer, Server, input_of, publication, until};

/// Size of the file system in MiB.
const DISK: u32 = 32;
/// Blocks of the chain.
const BLOCKS: u32 = 24;
/// Blocks that are imported before the disk fills up.
const BEFORE: u32 = 8;
/// Blocks that are proven by then; provers hold two of the others.
const PROVEN: u32 = 4;
const PAUSE: Duration = Duration::from_millis(10);

/// Returns a genesis and blocks of transfers.
fn chain() -> (String, Vec<Value>) {
    let mut chain = Chain::with_accounts(40, 4);
    let genesis = serde_json::to_string(&chain.genesis()).unwrap();
    (genesis, (0..BLOCKS).map(|_| serde_json::to_value(chain.next_block(26)).unwrap()).collect())
}

/// Creates a file that occupies the free space except for `leave` bytes.
fn fill(disk: &Path, leave: u64) -> File {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(disk.join("filler")).unwrap();
    let mut part = 1 << 20;
    while part >= 4096 {
        let stat = rustix::fs::statvfs(disk).unwrap();
        let free = stat.f_bavail * stat.f_frsize;
        if free < leave + part {
            part /= 2;
            continue;
        }
        match file.write_all(&vec![1; part as usize]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => part /= 2,
            Err(error) => panic!("{error}"),
        }
    }
    file
}

fn proof_of(blocks: &[Value], number: u64) -> Value {
    json!({"BlockProof": sample_single_proof(&input_of(&blocks[number as usize - 1]), number)})
}

fn publish(server: &Server, blocks: &[Value], job: &Value) -> Answer {
    let data = proof_of(blocks, job["first_block"].as_u64().unwrap());
    server.post("/publish", &publication(job, &data))
}

/// Refused requests by route, status and code.
#[derive(Default)]
struct Refusals(Mutex<BTreeMap<(&'static str, u16, String), u32>>);

impl Refusals {
    /// Returns true for status 200; counts any other answer.
    fn is_good(&self, route: &'static str, answer: &Answer) -> bool {
        if answer.status == 200 {
            return true;
        }
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        *self.0.lock().unwrap().entry((route, answer.status, code)).or_default() += 1;
        std::thread::sleep(PAUSE);
        false
    }

    fn of(&self, route: &str, status: u16) -> u32 {
        let counted = self.0.lock().unwrap();
        counted.iter().filter(|((r, s, _), _)| *r == route && *s == status).map(|(_, count)| count).sum()
    }
}

/// Stops the threads of the test, also if it fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn acknowledged_items_are_stored_and_the_server_resumes_without_a_restart() {
    let name = "acknowledged_items_are_stored_and_the_server_resumes_without_a_restart";
    let Some(disk) = on_small_disk(module_path!(), name, DISK) else { return };
    let folder = disk.join("data");
    let (genesis, blocks) = chain();
    let server = Server::start(&folder, &["--set", "min_free_bytes=0"]);
    server.post("/api/v1/genesis", &genesis).accepted();
    let refusals = Refusals::default();
    let (imported, proven) = (AtomicU32::new(0), AtomicU32::new(0));
    let (filled, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        let work = scope.spawn(|| {
            for block in &blocks {
                let block = block.to_string();
                if imported.load(Ordering::SeqCst) == BEFORE {
                    until(|| filled.load(Ordering::SeqCst).then_some(()));
                }
                while !refusals.is_good("block", &server.post("/api/v1/blocks", &block)) {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
                imported.fetch_add(1, Ordering::SeqCst);
            }
        });
        for prover in ["one", "two"] {
            let (server, blocks, refusals) = (&server, &blocks, &refusals);
            let (proven, filled, stop) = (&proven, &filled, &stop);
            let ask = json!({"prover_name": prover, "aux_data": {}}).to_string();
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let answer = server.ask("GET", "/get_job", &ask);
                    if !refusals.is_good("job", &answer) {
                        continue;
                    }
                    let job = answer.json();
                    if job["job_id"] == 0 {
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                    if proven.load(Ordering::SeqCst) >= PROVEN {
                        until(|| filled.load(Ordering::SeqCst).then_some(()));
                    }
                    loop {
                        let answer = publish(server, blocks, &job);
                        // Stored by an earlier attempt whose sync failed, or by another prover.
                        let stored = answer.status == 409 && answer.json()["code"] == "duplicate_key";
                        if stored || refusals.is_good("proof", &answer) || stop.load(Ordering::SeqCst) {
                            break;
                        }
                    }
                    proven.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        until(|| (imported.load(Ordering::SeqCst) == BEFORE).then_some(()));
        until(|| (proven.load(Ordering::SeqCst) >= PROVEN).then_some(()));
        until(|| (server.get("/api/v1/blocks/1/proof").status == 200).then_some(()));
        // Repeatedly, because the server frees space when the disk is full.
        let mut filler = fill(&disk, 0);
        filled.store(true, Ordering::SeqCst);
        let enough = |refusals: &Refusals| refusals.of("block", 507) >= 10 && refusals.of("proof", 507) >= 10;
        for _ in 0..300 {
            if enough(&refusals) {
                break;
            }
            assert!(!work.is_finished(), "the disk was never full");
            drop(filler);
            filler = fill(&disk, 0);
            server.get("/api/v1/status").accepted();
            server.get("/api/v1/blocks/1/proof").accepted();
            std::thread::sleep(PAUSE);
        }
        let when_full = (imported.load(Ordering::SeqCst), proven.load(Ordering::SeqCst));
        fs::remove_file(disk.join("filler")).unwrap();
        drop(filler);
        until(|| (proven.load(Ordering::SeqCst) >= BLOCKS).then_some(()));
        println!("when the disk was full: {when_full:?} imported and proven");
        assert!(refusals.of("block", 507) >= 10);
    });
    for ((route, status, code), count) in refusals.0.lock().unwrap().iter() {
        println!("refused {count} times: {route} {status} {code}");
        assert!([503, 507].contains(status), "{route} {status} {code}");
    }
    server.wait_for("/jobs/done", BLOCKS.into());
    for number in 1..=BLOCKS {
        let stored = server.get(&format!("/api/v1/blocks/{number}/proof")).accepted().json();
        assert_eq!(stored, proof_of(&blocks, number.into())["BlockProof"]);
    }
    assert_eq!(server.terminate(), Some(0));
    let store = Store::open(&folder, StoreOptions::default()).unwrap();
    assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (BLOCKS, BLOCKS));
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

/// The floor, compared with the free space that the system reports.
#[test]
#[ignore = "needs mount namespaces"]
fn the_floor_keeps_the_space_that_proofs_need() {
    let Some(disk) = on_small_disk(module_path!(), "the_floor_keeps_the_space_that_proofs_need", DISK) else {
        return;
    };
    let (genesis, blocks) = chain();
    let server = Server::start(&disk.join("data"), &["--set", "min_free_bytes=8MiB"]);
    server.post("/api/v1/genesis", &genesis).accepted();
    let import = |block: &Value| server.post("/api/v1/blocks", &block.to_string());
    for block in &blocks[..BEFORE as usize] {
        import(block).accepted();
    }
    server.wait_for("/jobs/idle", BEFORE.into());
    let jobs: Vec<Value> = (0..BEFORE).map(|_| server.next_job("p")).collect();
    let filler = fill(&disk, 4 << 20);
    let next = &blocks[BEFORE as usize];
    until(|| (server.get("/api/v1/status").json()["space"]["low"] == true).then_some(()));
    import(next).refused_about(507, "low_space", "8388608");
    for job in &jobs {
        publish(&server, &blocks, job).accepted();
    }
    fs::remove_file(disk.join("filler")).unwrap();
    drop(filler);
    until(|| (import(next).status == 200).then_some(()));
    let job = server.next_job("p");
    publish(&server, &blocks, &job).accepted();
    server.wait_for("/jobs/done", u64::from(BEFORE) + 1);
}
