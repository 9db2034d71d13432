//! A node that is played by the test: it seals blocks, creates aggregated operations when the proofs
//! for them are in its tables, and reverts. Provers of a server beside it record what was
//! acknowledged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use zksync_witness_server::client::{Client, ClientError, ProverClient, ProverJob, Work};
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::crypto::Fr;
use zksync_witness_server::testing::internals::domain::{
    AggregatedOperation, BlockNumber, JobResultData, ProverOutputRequest, sample_aggregated_proof,
    sample_single_proof,
};

use crate::support::node_database::NodeDatabase;
use crate::support::sealed_chain::Chain;
use crate::support::{SECRET, Server, until};

/// Number of blocks of an aggregated proof.
const AGGREGATE: u32 = 3;

/// The node and its database.
pub struct NodeWorld {
    pub database: NodeDatabase,
    pub chain: Chain,
    pub head: u32,
    /// The last block of a `CreateProofBlocks`.
    pub created: u32,
    /// The last block of an `ExecuteBlocks`.
    pub executed: u32,
}

impl NodeWorld {
    /// A node with genesis and no blocks.
    pub fn new(seed: u64) -> Self {
        let world = Self {
            database: NodeDatabase::new(),
            chain: Chain::new(Dice::new(seed)),
            head: 0,
            created: 0,
            executed: 0,
        };
        world.database.write_genesis(&world.chain.genesis_json, &hex::encode(world.chain.root(0)));
        world
    }

    /// Seals further blocks.
    pub fn seal(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.head += 1;
            self.chain.extend_to(self.head);
            let block = serde_json::from_slice(&self.chain.block(self.head).json).unwrap();
            self.database.write_block(&block);
        }
    }

    /// Creates the operations for which the proofs are there.
    pub fn aggregate(&mut self) {
        let rows =
            |table: &str, of: &str| self.database.count(&format!("SELECT count(*) FROM {table} WHERE {of}"));
        let (first, last) = (self.created + 1, self.created + AGGREGATE);
        if rows("proofs", &format!("block_number BETWEEN {first} AND {last}")) == i64::from(AGGREGATE) {
            let blocks = (first..=last).map(|number| self.chain.block(number).block.clone()).collect();
            let operation = AggregatedOperation::CreateProofBlocks { blocks, proofs_to_pad: 0 };
            self.database.write_operation(&operation, false);
            self.created = last;
        }
        let (first, last) = (self.executed + 1, self.executed + AGGREGATE);
        if last <= self.created
            && rows("aggregated_proofs", &format!("first_block = {first} AND last_block = {last}")) == 1
        {
            let blocks = (first..=last).map(|number| self.chain.block(number).block.clone()).collect();
            self.database.write_operation(&AggregatedOperation::ExecuteBlocks { blocks }, true);
            self.executed = last;
        }
    }

    /// Reverts the blocks after the given one, except those of a `CreateProofBlocks`, and seals
    /// others with their numbers.
    pub fn revert(&mut self, last: u32) {
        let last = last.max(self.created);
        self.database.revert_blocks(last);
        self.chain.branch_off(last);
        let blocks = self.head - last;
        self.head = last;
        self.seal(blocks);
    }

    /// Waits until every block has its proof, in aggregates as far as they are whole.
    pub fn wait_until_proven(&mut self) {
        until(|| {
            self.aggregate();
            let proofs = self.database.count("SELECT count(*) FROM proofs");
            (proofs == i64::from(self.head) && self.executed == self.head / AGGREGATE * AGGREGATE)
                .then_some(())
        });
    }

    /// Asserts that the node has exactly one valid proof of each block and range, and that each is
    /// the stored one of the server.
    pub fn assert_rows(&self, stored: impl Fn(u32, u32, bool) -> Value) {
        let rows = self.database.sql("SELECT block_number, proof FROM proofs ORDER BY 1");
        let numbers: Vec<String> = rows.iter().map(|row| row[0].clone().unwrap()).collect();
        assert_eq!(numbers, (1..=self.head).map(|number| number.to_string()).collect::<Vec<_>>());
        for (number, row) in (1..).zip(&rows) {
            let proof: Value = serde_json::from_str(row[1].as_ref().unwrap()).unwrap();
            assert_eq!(proof, stored(number, number, false), "block {number}");
        }
        let rows =
            self.database.sql("SELECT first_block, last_block, proof FROM aggregated_proofs ORDER BY 1");
        let expected: Vec<u32> = (1..=self.executed).step_by(AGGREGATE as usize).collect();
        assert_eq!(rows.len(), expected.len());
        for (first, row) in expected.into_iter().zip(&rows) {
            let last = first + AGGREGATE - 1;
            assert_eq!((&row[0], &row[1]), (&Some(first.to_string()), &Some(last.to_string())));
            let proof: Value = serde_json::from_str(row[2].as_ref().unwrap()).unwrap();
            assert_eq!(proof, stored(first, last, true), "blocks {first} to {last}");
        }
    }

    /// Returns the public inputs of the blocks.
    pub fn inputs(&self, first: u32, last: u32) -> Vec<Fr> {
        (first..=last).map(|number| self.chain.block(number).input).collect()
    }
}

/// A first and a last block, and true for an aggregated proof.
pub type Range = (u32, u32, bool);

/// The proofs that were acknowledged to provers: the proof of each range with its time, the last
/// one if the blocks were reverted in between.
pub type Acknowledged = Mutex<BTreeMap<Range, (Value, SystemTime)>>;

/// Claims and proves jobs until the end, or until the server dies. A server that lives accepts every
/// proof that it has asked for and that was not reverted or proven by another.
pub fn prove(url: &str, name: &str, acknowledged: &Acknowledged, over: &AtomicBool, mut dice: Dice) {
    let client = Client::new(url, &Secret::new(SECRET).unwrap(), Duration::from_secs(60)).unwrap();
    let prover = ProverClient::new(client, name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    while !over.load(SeqCst) {
        let job = match runtime.block_on(prover.get_job()) {
            Ok(Some(job)) => job,
            Ok(None) => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            Err(ClientError::Unreachable { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        let (range, request, proof) = output(&job, dice.roll());
        match runtime.block_on(prover.publish(&request)) {
            Ok(()) => {
                acknowledged.lock().unwrap().insert(range, (proof, SystemTime::now()));
            }
            Err(ClientError::Unreachable { .. }) => return,
            Err(ClientError::Refused { status, problem }) => {
                let known = ["duplicate_key", "unknown_job", "proof_refused", "proof_rejected"];
                assert!(known.contains(&problem.code.as_str()), "{status}: {problem:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn output(job: &ProverJob, seed: u64) -> (Range, ProverOutputRequest, Value) {
    let inputs = job.public_inputs().unwrap();
    let is_aggregated = matches!(job.work, Work::Aggregate(_));
    let data = match is_aggregated {
        true => JobResultData::AggregatedBlockProof(sample_aggregated_proof(&inputs, seed)),
        false => JobResultData::BlockProof(sample_single_proof(&inputs[0], seed)),
    };
    let proof = match &data {
        JobResultData::BlockProof(proof) => serde_json::to_value(proof).unwrap(),
        JobResultData::AggregatedBlockProof(proof) => serde_json::to_value(proof).unwrap(),
    };
    let (first_block, last_block) = (BlockNumber(job.first), BlockNumber(job.last));
    let request = ProverOutputRequest { job_id: job.id, first_block, last_block, data };
    ((job.first, job.last, is_aggregated), request, proof)
}

/// Returns a valid proof of a block by another server.
pub fn foreign_proof(input: &Fr, seed: u64) -> Value {
    serde_json::to_value(sample_single_proof(input, seed)).unwrap()
}

const POLL: &str = "node_poll=50ms";

/// Starts a server that follows the node from genesis on.
pub fn serve(folder: &Path, url: &str) -> Server {
    let more = ["--node", url, "--from", "0", "--witness-generators", "2", "--set", POLL];
    Server::start(folder, &more)
}

/// Returns the proof that a server stores.
pub fn stored(server: &Server) -> impl Fn(u32, u32, bool) -> Value + '_ {
    move |first, last, is_aggregated| {
        let path = match is_aggregated {
            true => format!("/api/v1/aggregated_proofs/{first}/{last}"),
            false => format!("/api/v1/blocks/{first}/proof"),
        };
        server.get(&path).accepted().json()
    }
}

/// Runs something while two provers work.
pub fn while_proving<T>(url: &str, acknowledged: &Acknowledged, run: impl FnOnce() -> T) -> T {
    let over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        for prover in ["one", "two"] {
            let dice = Dice::new(u64::from(prover.as_bytes()[0]));
            scope.spawn(move || prove(url, prover, acknowledged, over, dice));
        }
        // Provers end even if an assertion fails.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let _end = End(over);
        run()
    })
}
