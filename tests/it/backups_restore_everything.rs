//! A backup of a running server under load, and of a folder, restores everything that had been
//! acknowledged; an incomplete backup restores nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use zksync_witness_server::testing;
use zksync_witness_server::testing::internals::crypto::Fr;
use zksync_witness_server::testing::internals::domain::AggregatedAction;
use zksync_witness_server::testing::internals::domain::job::JobStatus;
use zksync_witness_server::testing::internals::domain::job::JobType::Single;
use zksync_witness_server::testing::internals::domain::{
    AggregatedOperation, ImportedBlock, public_input, sample_aggregated_proof, sample_single_proof,
};
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

use crate::support::{
    Quiet, Server, command_on, heavy, publication, real_folder, run, run_badly, run_well, until, vectors,
};

/// A genesis and blocks as JSON.
struct Chain {
    genesis: String,
    blocks: Vec<ImportedBlock>,
}

impl Chain {
    fn invented(blocks: u32) -> Self {
        let mut builder = testing::Chain::with_accounts(40, 4);
        let genesis = serde_json::to_string(&builder.genesis()).unwrap();
        Self { genesis, blocks: (0..blocks).map(|_| builder.next_block(10)).collect() }
    }

    fn sample() -> Self {
        let folder = sample_folder();
        let read = |name: String| fs::read_to_string(folder.join(name)).unwrap();
        let block = |number| serde_json::from_str(&read(format!("blocks/{number:06}.json"))).unwrap();
        Self { genesis: read("genesis.json".into()), blocks: (1..=8).map(block).collect() }
    }

    fn input(&self, block: u64) -> Fr {
        public_input(&self.blocks[block as usize - 1].block.block_commitment)
    }

    fn post(&self, server: &Server, block: usize) {
        let json = serde_json::to_string(&self.blocks[block - 1]).unwrap();
        server.post("/api/v1/blocks", &json).accepted();
    }

    /// Returns a proof of the job.
    fn prove(&self, job: &Value) -> Value {
        let (first, last) = (job["first_block"].as_u64().unwrap(), job["last_block"].as_u64().unwrap());
        if job["data"].get("BlockProof").is_some() {
            return json!({"BlockProof": sample_single_proof(&self.input(first), first)});
        }
        let inputs: Vec<Fr> = (first..=last).map(|block| self.input(block)).collect();
        json!({"AggregatedBlockProof": sample_aggregated_proof(&inputs, first)})
    }
}

fn sample_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain")
}

/// The items that a server has acknowledged.
#[derive(Clone, Default)]
struct Acknowledged {
    blocks: usize,
    operations: usize,
    /// Prover and JSON by kind, first and last block.
    proofs: BTreeMap<(&'static str, u32, u32), (String, Vec<u8>)>,
}

/// Claims a job, proves it and publishes the proof; returns false if no job was available.
fn prove_one(server: &Server, chain: &Chain, prover: &str, acknowledged: &Mutex<Acknowledged>) -> bool {
    let job = server.get_job(prover);
    if job["job_id"] == 0 {
        return false;
    }
    let data = chain.prove(&job);
    let (first, last) = (&job["first_block"], &job["last_block"]);
    server.post("/publish", &publication(&job, &data)).accepted();
    let (kind, proof) = match (&data["BlockProof"], &data["AggregatedBlockProof"]) {
        (Value::Null, aggregated) => ("aggregated", aggregated),
        (single, _) => ("single", single),
    };
    let number = |value: &Value| value.as_u64().unwrap() as u32;
    let kept = (prover.to_owned(), serde_json::to_vec(proof).unwrap());
    acknowledged.lock().unwrap().proofs.insert((kind, number(first), number(last)), kept);
    true
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn witnesses(server: &Server, blocks: u32) -> Vec<Vec<u8>> {
    server.wait_for("/blocks/witnessed", blocks.into());
    (1..=blocks).map(|block| server.get(&format!("/api/v1/blocks/{block}/witness")).accepted().body).collect()
}

/// Checks that everything acknowledged is in the folder, that the folder is consistent, and that
/// each proof has its block.
fn check_restored(folder: &Path, chain: &Chain, acknowledged: &Acknowledged) {
    let store = Store::open(folder, StoreOptions::default()).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    let head = store.chain().head().unwrap();
    assert!(head as usize >= acknowledged.blocks);
    for (number, block) in (1..=head).zip(&chain.blocks) {
        assert!(store.chain().block_json(number).unwrap().unwrap() == serde_json::to_vec(block).unwrap());
    }
    let commits = store.chain().aggregated_operations(AggregatedAction::CommitBlocks, 0, 1_000).unwrap();
    assert!(commits.len() >= acknowledged.operations);
    for ((kind, first, last), (prover, json)) in &acknowledged.proofs {
        let stored = match *kind {
            "single" => store.queue().single_proof(*first),
            _ => store.queue().aggregated_proof(*first, *last),
        };
        assert!(stored.unwrap().as_ref() == Some(json), "{kind} {first} to {last}");
        if *kind == "single" {
            let after = Some((first - 1, first - 1)).filter(|_| *first > 1);
            assert_eq!(store.queue().proofs(Single, after, 1).unwrap()[0].prover.as_ref(), Some(prover));
        }
    }
    for proof in store.queue().proofs(Single, None, 1_000).unwrap() {
        assert!(proof.last <= head);
    }
    assert!(store.queue().jobs(None, 0, 1_000).unwrap().0.iter().all(|job| job.status == JobStatus::Done));
}

/// Stops the threads that read it, also if the test fails.
struct Ring<'a>(&'a AtomicBool);

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Proves until every block is proven.
fn prove_rest(server: &Server, chain: &Chain) {
    let acknowledged = Mutex::new(Acknowledged::default());
    until(|| {
        while prove_one(server, chain, "after", &acknowledged) {}
        let proven = |block| server.get(&format!("/api/v1/blocks/{block}/proof")).status == 200;
        (1..=chain.blocks.len()).all(proven).then_some(())
    });
}

#[test]
fn a_backup_of_a_server_under_load_restores_everything_acknowledged() {
    let _heavy = heavy();
    const BLOCKS: usize = 24;
    let chain = Chain::invented(BLOCKS as u32);
    let folder = tempfile::tempdir().unwrap();
    let serve = ["--aggregate", "1,4", "--set", "aggregate_deadline=100ms"];
    let server = Server::start(&folder.path().join("data"), &serve);
    server.post("/api/v1/genesis", &chain.genesis).accepted();
    let (acknowledged, stop) = (Mutex::new(Acknowledged::default()), AtomicBool::new(false));
    // The import waits before its last blocks, so that each backup is taken under load.
    let limit = AtomicUsize::new(8);
    let backup = |name: &str| folder.path().join(name);
    let mut before = Vec::new();
    std::thread::scope(|scope| {
        let (chain, server, acknowledged) = (&chain, &server, &acknowledged);
        let (stop, limit) = (&stop, &limit);
        let _stop = Ring(stop);
        scope.spawn(move || {
            for number in 1..=BLOCKS {
                while number > limit.load(Ordering::SeqCst) && !stop.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                chain.post(server, number);
                acknowledged.lock().unwrap().blocks += 1;
                let block = chain.blocks[number - 1].block.clone();
                let commit = AggregatedOperation::CommitBlocks {
                    last_committed_block: block.clone(),
                    blocks: vec![block],
                };
                let commit = serde_json::to_string(&commit).unwrap();
                server.post("/api/v1/aggregated_operations", &commit).accepted();
                acknowledged.lock().unwrap().operations += 1;
            }
        });
        for prover in ["ada", "bob"] {
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    if !prove_one(server, chain, prover, acknowledged) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            });
        }
        for (name, blocks, next) in [("first", 2, 12), ("second", 8, 20), ("third", 16, BLOCKS)] {
            until(|| {
                let now = acknowledged.lock().unwrap();
                (now.blocks >= blocks && !now.proofs.is_empty()).then_some(())
            });
            before.push((name, acknowledged.lock().unwrap().clone()));
            limit.store(next, Ordering::SeqCst);
            run_well(&["backup", "--url", &server.url, "--out", path(&backup(name))]);
        }
        until(|| (acknowledged.lock().unwrap().operations == BLOCKS).then_some(()));
    });
    let original = witnesses(&server, BLOCKS as u32);
    assert_eq!(server.terminate(), Some(0));

    for (name, acknowledged) in &before {
        let restored = folder.path().join(format!("restored-{name}"));
        run_well(&["restore", path(&backup(name)), "--data-dir", path(&restored)]);
        check_restored(&restored, &chain, acknowledged);
    }
    let restored = folder.path().join("restored-second");
    let server = Server::start(&restored, &serve);
    for number in 1..=BLOCKS {
        chain.post(&server, number);
    }
    assert!(witnesses(&server, BLOCKS as u32) == original);
    prove_rest(&server, &chain);
    assert_eq!(server.terminate(), Some(0));
    check_done(&restored, &chain, &before[1].1);
}

/// Checks like [`check_restored`] once everything is proven: each proof has one job, which is done.
fn check_done(folder: &Path, chain: &Chain, acknowledged: &Acknowledged) {
    let store = Store::open(folder, StoreOptions::default()).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    let jobs = store.queue().jobs(None, 0, 1_000).unwrap().0;
    let mut single: Vec<u32> =
        jobs.iter().filter(|job| job.job_type == Single).map(|job| job.first).collect();
    single.sort_unstable();
    assert!(single.into_iter().eq(1..=chain.blocks.len() as u32));
    assert!(jobs.iter().all(|job| job.job_type != Single || job.status == JobStatus::Done));
    for ((kind, first, last), (_, json)) in &acknowledged.proofs {
        let stored = match *kind {
            "single" => store.queue().single_proof(*first),
            _ => store.queue().aggregated_proof(*first, *last),
        };
        assert!(stored.unwrap().as_ref() == Some(json), "{kind} {first} to {last}");
    }
}

#[test]
fn a_damaged_folder_the_last_backup_and_the_chain_bring_everything_back() {
    let _heavy = heavy();
    let chain = Chain::sample();
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("last.backup"));
    let server = Server::start(&data, &["--aggregate", "2", "--set", "aggregate_deadline=10m"]);
    server.post("/api/v1/genesis", &chain.genesis).accepted();
    (1..=5).for_each(|number| chain.post(&server, number));
    let acknowledged = Mutex::new(Acknowledged::default());
    until(|| {
        prove_one(&server, &chain, "ada", &acknowledged);
        (acknowledged.lock().unwrap().proofs.len() >= 7).then_some(())
    });
    let shown = run_well(&["backup", "--url", &server.url, "--out", path(&backup)]);
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.contains("5 blocks, 2 aggregated operations, 5 proofs, 2 aggregated proofs as of 2"),
        "{shown}"
    );
    (6..=8).for_each(|number| chain.post(&server, number));
    let original = witnesses(&server, 8);
    assert_eq!(server.terminate(), Some(0));

    let db = fs::File::options().write(true).open(data.join("index/db")).unwrap();
    let length = db.metadata().unwrap().len();
    for at in (0..length).step_by(512) {
        db.write_all_at(&[0x5a; 64], at).unwrap();
    }
    drop(db);
    run_badly(&["status", "--data-dir", path(&data)], 4);
    run_badly(&["restore", path(&backup), "--data-dir", path(&data)], 4);

    let restored_folder = folder.path().join("restored");
    run_well(&["restore", path(&backup), "--data-dir", path(&restored_folder)]);
    run_well(&["import", "--data-dir", path(&restored_folder), path(&sample_folder())]);
    let server = Server::start(&restored_folder, &[]);
    let restored = witnesses(&server, 8);
    let reference = vectors::shipped().into_iter().find(|chain| chain.name == "chain_mixed").unwrap();
    for (block, expected) in reference.expected.iter().enumerate() {
        assert!(restored[block] == vectors::read(expected), "block {}", block + 1);
        assert!(restored[block] == original[block], "block {}", block + 1);
    }
    for ((kind, first, last), (_, json)) in &acknowledged.lock().unwrap().proofs {
        let route = match *kind {
            "single" => format!("/api/v1/blocks/{first}/proof"),
            _ => format!("/api/v1/aggregated_proofs/{first}/{last}"),
        };
        assert!(&server.get(&route).accepted().body == json, "{route}");
    }
    let later: Vec<Value> = (0..3).map(|_| server.next_job("late")["first_block"].clone()).collect();
    assert_eq!(later, [6, 7, 8]);
    assert_eq!(server.get_job("late")["job_id"], 0);
    assert_eq!(server.terminate(), Some(0));
    let store = Store::open(&restored_folder, StoreOptions::default()).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_backup_may_come_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let [data, restored, file] = ["data", "restored", "file"].map(|name| folder.path().join(name));
    run_well(&["import", "--data-dir", path(&data), path(&sample_folder())]);
    let backup = run_well(&["backup", "--data-dir", path(&data), "--out", "-"]);
    fs::write(&file, &backup).unwrap();
    let from_file = |args: &[&str], temporary: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        let input = File::open(&file).unwrap();
        command.args(args).env_clear().env("TMPDIR", temporary).stdin(input).output().unwrap()
    };
    let whole = from_file(&["restore", "-", "--check"], folder.path());
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");

    // Standard input is copied, since it is read twice.
    let restore = ["restore", "-", "--data-dir", path(&restored)];
    let refused = from_file(&restore, &folder.path().join("absent"));
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("TMPDIR"));
    assert!(!restored.exists());
    let mut no_input = command_on(&restored, &["restore", "-"]);
    let refused = no_input.stdin(File::open(folder.path()).unwrap()).output().unwrap();
    assert!(String::from_utf8(refused.stderr).unwrap().contains("cannot read standard input"));
    fs::write(&file, &backup[..backup.len() / 2]).unwrap();
    assert_eq!(from_file(&restore, folder.path()).status.code(), Some(1));
    assert!(!restored.exists());
    fs::write(&file, &backup).unwrap();
    assert_eq!(from_file(&restore, folder.path()).status.code(), Some(0));
    let chains = [&data, &restored].map(|folder| {
        let chain = folder.with_extension("chain");
        run_well(&["chain", "export", "--data-dir", path(folder), "--out", path(&chain)]);
        real_folder::files(&chain)
    });
    assert!(chains[0] == chains[1] && chains[0].len() == 9);

    // An occupied folder is refused while the input is still open.
    let mut into_occupied = command_on(&restored, &["restore", "-"]);
    let mut refused = into_occupied.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let input = refused.stdin.take();
    assert_eq!(until(|| refused.try_wait().unwrap()).code(), Some(4));
    drop(input);
}

#[test]
fn a_backup_file_is_complete_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let out = folder.path().join("out");
    run_badly(&["backup", "--data-dir", path(&data), "--out", path(&out)], 4);
    run_well(&["import", "--data-dir", path(&data), path(&sample_folder())]);
    run_well(&["backup", "--data-dir", path(&data), "--out", path(&out)]);
    let complete = fs::read(&out).unwrap();
    let checked = String::from_utf8(run_well(&["restore", path(&out), "--check"])).unwrap();
    assert!(checked.contains("8 blocks, 0 aggregated operations, 0 proofs"), "{checked}");
    // To standard output: the same file except for its time.
    let piped = run(&["backup", "--data-dir", path(&data), "--out", "-"]);
    assert_eq!((piped.status.code(), piped.stdout.len()), (Some(0), complete.len()));
    let piped = run(&["backup", "--data-dir", path(&data), "--out", "/dev/stdout"]);
    assert_eq!((piped.status.code(), piped.stdout.len()), (Some(0), complete.len()));
    let again = run_badly(&["backup", "--data-dir", path(&data), "--out", path(&out)], 1);
    assert!(again.contains("exists already"), "{again}");
    run_well(&["backup", "--data-dir", path(&data), "--out", path(&out), "--force"]);
    let lacking = run_badly(&["backup", "--data-dir", path(&data), "--out", "/nowhere/at/all"], 1);
    assert!(lacking.contains("cannot write"), "{lacking}");
    {
        // The server that uses the folder is asked.
        let _serving = Server::start(&data, &[]);
        run_well(&["backup", "--data-dir", path(&data), "--out", path(&out), "--force"]);
    }
    assert_eq!(fs::read(&out).unwrap().len(), complete.len());

    // A server whose answer breaks off, or ends regularly but too early.
    fs::remove_file(&out).unwrap();
    for head in ["Transfer-Encoding: chunked\r\n\r\nffffff\r\n", "Content-Length: 900\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let part = complete[..900].to_vec();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).unwrap();
            stream.write_all(&part).unwrap();
        });
        run_badly(&["backup", "--url", &url, "--out", path(&out)], 1);
        server.join().unwrap();
        let left: Vec<_> =
            folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["data"]);
    }
}

#[test]
fn a_restore_is_complete_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let chain_folder = folder.path().join("chain");
    let mut builder = testing::Chain::with_accounts(3_000, 1);
    fs::create_dir_all(chain_folder.join("blocks")).unwrap();
    fs::write(chain_folder.join("genesis.json"), serde_json::to_vec(&builder.genesis()).unwrap()).unwrap();
    for number in 1..=30 {
        let block = serde_json::to_vec(&builder.next_block(10)).unwrap();
        fs::write(chain_folder.join(format!("blocks/{number:06}.json")), block).unwrap();
    }
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    run_well(&["import", "--data-dir", path(&data), path(&chain_folder)]);
    run_well(&["backup", "--data-dir", path(&data), "--out", path(&backup)]);

    let refused = run_badly(&["restore", path(&backup), "--data-dir", path(&data)], 4);
    assert!(refused.contains("is not empty"), "{refused}");
    let absent = run_badly(&["restore", path(&folder.path().join("no file")), "--data-dir", path(&data)], 3);
    assert!(absent.contains("does not exist"), "{absent}");
    let (restored_folder, cut) = (folder.path().join("restored"), folder.path().join("cut"));
    let complete = fs::read(&backup).unwrap();
    fs::write(&cut, &complete[..complete.len() / 2]).unwrap();
    for args in [
        &["restore", path(&cut), "--check"][..],
        &["restore", path(&cut), "--data-dir", path(&restored_folder)][..],
    ] {
        let refused = run_badly(args, 1);
        assert!(refused.contains("cut short"), "{refused}");
    }
    let mut damaged = complete;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&cut, &damaged).unwrap();
    let refused = run_badly(&["restore", path(&cut), "--data-dir", path(&restored_folder)], 1);
    assert!(refused.contains("damaged"), "{refused}");
    assert!(!restored_folder.exists());

    // Killed at any moment after its start.
    for moment in 0..4 {
        let restoring = Quiet::start(&["restore", path(&backup), "--data-dir", path(&restored_folder)]);
        until(|| restored_folder.join("restoring/index").exists().then_some(()));
        std::thread::sleep(Duration::from_millis(20 * moment));
        drop(restoring);
        if restored_folder.join("index").exists() {
            // It had finished before the kill.
            fs::remove_dir_all(&restored_folder).unwrap();
            continue;
        }
        run_badly(&["status", "--data-dir", path(&restored_folder)], 4);
    }
    run_well(&["restore", path(&backup), "--data-dir", path(&restored_folder)]);
    let store = Store::open(&restored_folder, StoreOptions::default()).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert_eq!(store.chain().head().unwrap(), 30);
}

#[test]
fn format_1_is_read_by_every_later_version() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/backups/format-1.backup");
    let folder = tempfile::tempdir().unwrap();
    run_well(&["restore", path(&file), "--data-dir", path(&folder.path().join("data"))]);
    let chain = Chain::sample();
    let store = Store::open(&folder.path().join("data"), StoreOptions::default()).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    assert_eq!(store.chain().head().unwrap(), 8);
    for (number, block) in (1..).zip(&chain.blocks) {
        assert!(store.chain().block_json(number).unwrap().unwrap() == serde_json::to_vec(block).unwrap());
    }
    let genesis: zksync_witness_server::testing::internals::domain::AccountMap =
        serde_json::from_str(&chain.genesis).unwrap();
    assert!(store.chain().genesis_json().unwrap().unwrap() == serde_json::to_vec(&genesis).unwrap());
    let proofs = store.queue().proofs(Single, None, 100).unwrap();
    assert!(proofs.iter().map(|proof| proof.first).eq([1, 2, 3, 4, 5, 7]));
    assert!(proofs.iter().all(|proof| proof.prover.as_deref() == Some("ada")));
    for proof in &proofs {
        let expected = sample_single_proof(&chain.input(proof.first.into()), proof.first.into());
        assert!(store.read_blob(&proof.blob).unwrap() == serde_json::to_vec(&expected).unwrap());
    }
    assert!(store.queue().has_aggregated_proof(1, 4).unwrap());
    let operations = |action| {
        let found = store.chain().aggregated_operations(action, 0, 100).unwrap();
        found.iter().map(|operation| (operation.first, operation.last)).collect::<Vec<_>>()
    };
    assert_eq!(operations(AggregatedAction::CommitBlocks), [(1, 6)]);
    assert_eq!(operations(AggregatedAction::CreateProofBlocks), [(1, 4)]);
    assert_eq!(operations(AggregatedAction::ExecuteBlocks), [(1, 2)]);
}
