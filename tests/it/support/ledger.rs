//! What a server has acknowledged, as its clients know it.

use std::collections::BTreeMap;

use zksync_witness_server::crypto::Fr;
use zksync_witness_server::domain::AggregatedAction;
use zksync_witness_server::domain::{JobResultData, sample_aggregated_proof, sample_single_proof};

use crate::support::sealed_chain::Chain;

/// A moment: bytes of the journal of a folder, always 0 without one. What a folder held at another moment is judged by what was
/// acknowledged until then.
pub type Moment = u64;

/// The proofs that were published for a range of blocks since the folder was last looked at.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// The one that was acknowledged, or found in the folder.
    pub acknowledged: Option<(Vec<u8>, Moment)>,
    /// All, whatever became of them.
    pub sent: Vec<Vec<u8>>,
}

impl Proofs {
    /// What is wrong with what is stored.
    pub fn contradiction(&self, stored: Option<&[u8]>, until: Moment) -> Option<&'static str> {
        match (&self.acknowledged, stored) {
            (Some((proof, at)), stored) if *at <= until => match stored {
                None => Some("was acknowledged and is gone"),
                Some(stored) if stored != proof => Some("is not the one that was acknowledged"),
                Some(_) => None,
            },
            (_, Some(stored)) if !self.sent.iter().any(|sent| sent == stored) => Some("was never published"),
            _ => None,
        }
    }
}

/// An aggregated operation that was imported.
#[derive(Clone, Debug)]
pub struct Operation {
    pub first: u32,
    pub last: u32,
    pub json: Vec<u8>,
    /// When it was acknowledged; `None` while that is not known.
    pub acknowledged: Option<Moment>,
}

/// A job as its prover has it.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i32,
    pub first: u32,
    pub last: u32,
    pub aggregated: bool,
    /// The public inputs of its blocks.
    pub inputs: Vec<Fr>,
}

impl Job {
    /// A proof for the job, one of many.
    pub fn proof(&self, seed: u64) -> JobResultData {
        match self.aggregated {
            true => JobResultData::AggregatedBlockProof(sample_aggregated_proof(&self.inputs, seed)),
            false => JobResultData::BlockProof(sample_single_proof(&self.inputs[0], seed)),
        }
    }

    pub fn range(&self) -> Range {
        (self.first, self.last, self.aggregated)
    }
}

/// First and last block, and whether the proof is an aggregated one.
pub type Range = (u32, u32, bool);

/// See the module.
#[derive(Default)]
pub struct Ledger {
    pub genesis: Option<Moment>,
    /// When the blocks 1, 2, … were acknowledged.
    pub imports: Vec<Moment>,
    pub proofs: BTreeMap<Range, Proofs>,
    pub commits: Vec<Operation>,
    pub executions: Vec<Operation>,
    /// The last block that was executed at any time: witnesses before it may be gone.
    pub most_executed: u32,
    /// The last block a prover got a job for.
    pub seen: u32,
}

/// The chain, what is known of the folder, and what provers hold.
pub struct World {
    pub chain: Chain,
    pub ledger: Ledger,
    /// Jobs with the names of their provers, who go on with them some time.
    pub held: Vec<(String, Job)>,
    pub tally: Tally,
}

/// Numbers for the reader.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub imports: u32,
    pub publishes: u32,
    /// Proofs that were not taken, by the code of the answer.
    pub refused: BTreeMap<String, u32>,
    pub reverts: u32,
}

impl World {
    pub fn new(chain: Chain) -> Self {
        Self { chain, ledger: Ledger::default(), held: Vec::new(), tally: Tally::default() }
    }

    /// Another chain for a new folder.
    pub fn start_over(&mut self, chain: Chain) {
        *self = Self { tally: std::mem::take(&mut self.tally), ..Self::new(chain) };
    }
}

impl Ledger {
    /// The last block whose import was acknowledged until then.
    pub fn head(&self, until: Moment) -> u32 {
        self.imports.iter().take_while(|at| **at <= until).count() as u32
    }

    pub fn imported(&mut self, number: u32, at: Moment) {
        if number as usize == self.imports.len() + 1 {
            self.imports.push(at);
        }
        assert!(number as usize <= self.imports.len(), "block {number} was acknowledged before its turn");
    }

    pub fn sent(&mut self, range: Range, proof: Vec<u8>) {
        self.proofs.entry(range).or_default().sent.push(proof);
    }

    pub fn published(&mut self, range: Range, proof: Vec<u8>, at: Moment) {
        let proofs = self.proofs.entry(range).or_default();
        assert!(proofs.acknowledged.is_none(), "two proofs of {range:?} were acknowledged");
        proofs.acknowledged = Some((proof, at));
    }

    /// The aggregated proof that begins with a block.
    pub fn aggregated_from(&self, first: u32) -> Option<u32> {
        let ranges = self.proofs.range((first, 0, true)..=(first, u32::MAX, true));
        ranges
            .filter(|(range, proofs)| range.2 && proofs.acknowledged.is_some())
            .map(|(range, _)| range.1)
            .next()
    }

    pub fn operations(&mut self, action: AggregatedAction) -> &mut Vec<Operation> {
        match action {
            AggregatedAction::CommitBlocks => &mut self.commits,
            _ => &mut self.executions,
        }
    }

    /// All that was acknowledged so far was so before any moment to come.
    pub fn settle(&mut self) {
        self.genesis = self.genesis.map(|_| 0);
        self.imports.fill(0);
        for (_, at) in self.proofs.values_mut().filter_map(|proofs| proofs.acknowledged.as_mut()) {
            *at = 0;
        }
        for at in
            self.commits.iter_mut().chain(&mut self.executions).filter_map(|op| op.acknowledged.as_mut())
        {
            *at = 0;
        }
    }

    /// The blocks after this one are gone, with all that belongs to them.
    pub fn revert(&mut self, to: u32) {
        self.imports.truncate(to as usize);
        self.proofs.retain(|range, _| range.1 <= to);
        self.commits.retain(|operation| operation.last <= to);
        self.executions.retain(|operation| operation.last <= to);
        self.seen = self.seen.min(to);
    }
}
