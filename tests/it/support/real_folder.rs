//! A data folder with blocks, witnesses, proofs, aggregated operations and proofs, a rejected
//! proof, and jobs of every status.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::crypto::{Fr, fr};
use zksync_witness_server::testing::internals::domain::AggregatedAction;
use zksync_witness_server::testing::internals::domain::job::{JobStatus, JobType};
use zksync_witness_server::testing::internals::domain::{
    BlockNumber, H256, JobResultData, ProverOutputRequest, public_input, sample_aggregated_proof,
    sample_single_proof,
};
use zksync_witness_server::testing::internals::metrics::Metrics;
use zksync_witness_server::testing::internals::store::{
    ClaimedJob, Preference, Sender, Store, StoreError, StoreOptions,
};
use zksync_witness_server::testing::internals::workers::{CheckedProof, Node, NodeOptions, PublishRefused};

/// Blocks of the folder: the first ones are small enough for their records, the others have files.
pub const BLOCKS: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns a node that aggregates pairs of blocks.
pub fn node(folder: &Path) -> Arc<Node> {
    let store = Arc::new(Store::open(folder, StoreOptions::default()).unwrap());
    let options = NodeOptions {
        witness_generators: 2,
        interval: Duration::from_millis(20),
        aggregate: vec![2],
        // On a busy machine, the second block of a pair may take longer than the default.
        aggregate_deadline: Duration::from_secs(3_600),
        ..NodeOptions::default()
    };
    Node::new(store, options)
}

/// Fills an empty folder. The proofs of the last two blocks and the last aggregated proof are
/// missing.
pub fn grow(folder: &Path) {
    let mut chain = Chain::with_accounts(6, 3);
    let node = node(folder);
    node.import_genesis(&serde_json::to_vec(&chain.genesis()).unwrap(), &|_, _| {}).unwrap();
    node.start().unwrap();
    for number in 1..=BLOCKS {
        let transfers = if number <= 3 { 1 } else { 4 };
        let block = chain.next_block_of(2 * transfers, transfers);
        node.import_block(&serde_json::to_vec(&block).unwrap()).unwrap();
    }
    prove(&node, BLOCKS - 2, 4);
    let start = Instant::now();
    while node.store().queue().last_block_in_queue(JobType::Single).unwrap() < BLOCKS {
        assert!(start.elapsed() < PATIENCE && !node.has_failed(), "no further witness: {}", progress(&node));
        std::thread::sleep(Duration::from_millis(5));
    }
    node.store().queue().release("prover").unwrap();
    let job = node.store().queue().claim("wrong", Preference::default()).unwrap().unwrap();
    assert!(publish(node.store(), &job, &[fr::from_u64(1)]).is_err());
    node.stop();
    node.store().sync().unwrap();
}

/// Proves until the blocks up to `single` have proofs, and those up to `aggregated` have aggregated
/// proofs.
pub fn prove(node: &Node, single: u32, aggregated: u32) {
    let store = node.store();
    let start = Instant::now();
    let done = |store: &Store| {
        let blocks = (1..=single).all(|block| store.queue().has_single_proof(block).unwrap());
        blocks
            && (2..=aggregated)
                .step_by(2)
                .all(|last| store.queue().has_aggregated_proof(last - 1, last).unwrap())
    };
    while !done(store) {
        assert!(start.elapsed() < PATIENCE && !node.has_failed(), "no further job: {}", progress(node));
        let Some(job) = store.queue().claim("prover", Preference::default()).unwrap() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        // Later jobs stay with this prover.
        if job.last <= if job.job_type == JobType::Single { single } else { aggregated } {
            publish(store, &job, &inputs(store, &job)).unwrap();
            node.wake();
        }
    }
}

/// Describes how far a node has come, and what keeps it from continuing.
fn progress(node: &Node) -> String {
    let store = node.store();
    format!(
        "failed {}, head {:?}, tree {:?}, quarantined {:?}, jobs {:?}",
        node.has_failed(),
        store.chain().head(),
        store.tree().head(),
        store.chain().quarantined_from(0, 10),
        store.queue().jobs(None, 0, 100),
    )
}

fn inputs(store: &Store, job: &ClaimedJob) -> Vec<Fr> {
    let input = |block| public_input(&H256(store.chain().block(block).unwrap().unwrap().commitment));
    (job.first..=job.last).map(input).collect()
}

fn publish(store: &Store, job: &ClaimedJob, inputs: &[Fr]) -> Result<(), PublishRefused> {
    let seed = job.last.into();
    let data = match job.job_type {
        JobType::Single => JobResultData::BlockProof(sample_single_proof(&inputs[0], seed)),
        JobType::Aggregated => JobResultData::AggregatedBlockProof(sample_aggregated_proof(inputs, seed)),
    };
    let job_id = i32::try_from(job.id).unwrap();
    let (first_block, last_block) = (BlockNumber(job.first), BlockNumber(job.last));
    let request = ProverOutputRequest { job_id, first_block, last_block, data };
    let metrics = Metrics::default();
    CheckedProof::new(store, &metrics, None, request, Sender::default())?.store(store, &metrics).map(drop)
}

/// Serves a folder until everything is witnessed, proven and aggregated.
pub fn serve_to_the_end(folder: &Path) {
    let node = node(folder);
    let head = node.store().chain().head().unwrap();
    // Provers that held a job before a repair or a kill do not return.
    for job in node.store().queue().jobs(Some(JobStatus::InProgress), 0, 100).unwrap().0 {
        node.store().queue().requeue(job.id).unwrap();
    }
    node.start().unwrap();
    prove(&node, head, head / 2 * 2);
    let start = Instant::now();
    while node.store().tree().head().unwrap() < head {
        assert!(start.elapsed() < PATIENCE && !node.has_failed(), "no further witness: {}", progress(&node));
        std::thread::sleep(Duration::from_millis(5));
    }
    node.stop();
    node.store().sync().unwrap();
}

/// Readable items of a folder, by name.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// Reads everything that a server serves; returns the items, and the number of damaged ones.
pub fn contents(store: &Store) -> (Contents, usize) {
    let (mut found, mut damaged) = (Contents::new(), 0);
    let mut put = |name: String, body: Result<Option<Vec<u8>>, StoreError>| match body {
        Ok(Some(body)) => drop(found.insert(name, body)),
        Ok(None) => {}
        Err(_) => damaged += 1,
    };
    put("genesis".into(), store.chain().genesis_json());
    for block in 1..=BLOCKS + 2 {
        put(format!("block {block}"), store.chain().block_json(block));
        let witness =
            store.tree().witness(block).and_then(|row| row.map(|row| store.read_blob(&row.blob)).transpose());
        put(format!("witness {block}"), witness);
        put(format!("proof {block}"), store.queue().single_proof(block));
        for last in block..=BLOCKS + 2 {
            put(format!("aggregated proof {block} {last}"), store.queue().aggregated_proof(block, last));
        }
        let covering =
            store.chain().aggregated_operation_covering(AggregatedAction::CreateProofBlocks, block);
        let operation = covering.and_then(|row| row.map(|row| store.read_blob(&row.blob)).transpose());
        put(format!("operation {block}"), operation);
    }
    for id in 1..=30 {
        let job = store.queue().job(id).and_then(|job| match (job, store.queue().job_data(id)?) {
            (Some(job), Some(data)) => {
                let body = store.read_blob(&data.blob)?;
                let name = format!("{:?} job {} {}", job.job_type, job.first, job.last);
                Ok(Some((name, [data.prefix, body, data.suffix].concat())))
            }
            _ => Ok(None),
        });
        match job {
            Ok(Some((name, data))) => put(name, Ok(Some(data))),
            Ok(None) => {}
            Err(error) => put(String::new(), Err(error)),
        }
    }
    (found, damaged)
}

/// Copies a folder with everything below it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Returns the content of every file below a folder, by path.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match path.is_dir() {
                true => collect(root, &path, files),
                false => {
                    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                    drop(files.insert(name, std::fs::read(&path).unwrap()));
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}
