//! The writes that a server has acknowledged, as its clients record them.

use std::collections::BTreeMap;

use blake3::Hash;

use crate::domain::AggregatedAction;

/// Position in the recorded history of a folder, in bytes; 0 if no history is recorded.
///
/// The content of a folder at a position is compared with the writes acknowledged up to it.
pub type Moment = u64;

/// First and last block of a proof; true for an aggregated one.
pub type Range = (u32, u32, bool);

/// A stored item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Hash of its JSON.
    pub hash: Hash,
    /// The moment at which the answer arrived.
    pub at: Moment,
}

impl Acknowledged {
    /// The item with that JSON.
    pub fn new(json: &[u8], at: Moment) -> Self {
        Self { hash: blake3::hash(json), at }
    }
}

/// The proofs that were published for a range of blocks.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// The proof that was acknowledged, or found in the folder.
    pub acknowledged: Option<Acknowledged>,
    /// Hashes of all proofs that were sent, with any outcome.
    pub sent: Vec<Hash>,
}

impl Proofs {
    /// Returns the fault of the stored proof, if it has one.
    pub fn contradiction(&self, stored: Option<&[u8]>, until: Moment) -> Option<&'static str> {
        let stored = stored.map(blake3::hash);
        match (&self.acknowledged, stored) {
            (Some(proof), stored) if proof.at <= until => match stored {
                None => Some("was acknowledged and is missing"),
                Some(stored) if stored != proof.hash => Some("is not the one that was acknowledged"),
                Some(_) => None,
            },
            (_, Some(stored)) if !self.sent.contains(&stored) => Some("was never published"),
            _ => None,
        }
    }
}

/// An aggregated operation that was imported.
#[derive(Clone, Debug)]
pub struct Operation {
    /// First block.
    pub first: u32,
    /// Last block.
    pub last: u32,
    /// The operation as it was sent.
    pub json: Vec<u8>,
    /// The moment of the acknowledgement; `None` while it is unknown.
    pub acknowledged: Option<Moment>,
}

/// The writes that a server has acknowledged.
#[derive(Default)]
pub struct Ledger {
    /// The moment at which the genesis was acknowledged.
    pub genesis: Option<Moment>,
    /// The blocks, the first at index 0.
    pub blocks: Vec<Acknowledged>,
    /// Proofs by their range.
    pub proofs: BTreeMap<Range, Proofs>,
    /// `CommitBlocks` operations in order.
    pub commits: Vec<Operation>,
    /// `ExecuteBlocks` operations in order.
    pub executions: Vec<Operation>,
    /// The last block that was executed on any branch: witnesses before it may be dropped.
    pub most_executed: u32,
    /// The last block for which a prover received a job.
    pub seen: u32,
}

impl Ledger {
    /// Returns the last block whose import was acknowledged until the given moment.
    pub fn head(&self, until: Moment) -> u32 {
        self.blocks.iter().take_while(|block| block.at <= until).count() as u32
    }

    /// Records that a block is stored.
    ///
    /// # Panics
    /// If a block before it is not stored.
    pub fn imported(&mut self, number: u32, json: &[u8], at: Moment) {
        if number as usize == self.blocks.len() + 1 {
            self.blocks.push(Acknowledged::new(json, at));
        }
        assert!(number as usize <= self.blocks.len(), "block {number} was acknowledged before its turn");
    }

    /// Records that a proof is about to be sent.
    pub fn sent(&mut self, range: Range, proof: &[u8]) {
        self.proofs.entry(range).or_default().sent.push(blake3::hash(proof));
    }

    /// Records that a proof is stored.
    ///
    /// # Panics
    /// If another one was stored before.
    pub fn published(&mut self, range: Range, proof: &[u8], at: Moment) {
        let proofs = self.proofs.entry(range).or_default();
        assert!(proofs.acknowledged.is_none(), "two proofs of {range:?} were acknowledged");
        proofs.acknowledged = Some(Acknowledged::new(proof, at));
    }

    /// Returns the last block of the acknowledged aggregated proof that starts with a block.
    pub fn aggregated_from(&self, first: u32) -> Option<u32> {
        let ranges = self.proofs.range((first, 0, true)..=(first, u32::MAX, true));
        let mut proven = ranges.filter(|(range, proofs)| range.2 && proofs.acknowledged.is_some());
        proven.next().map(|(range, _)| range.1)
    }

    /// Returns the operations of an action.
    pub fn operations(&mut self, action: AggregatedAction) -> &mut Vec<Operation> {
        match action {
            AggregatedAction::CommitBlocks => &mut self.commits,
            _ => &mut self.executions,
        }
    }

    /// Starts a new history: everything acknowledged so far precedes it.
    pub fn settle(&mut self) {
        self.genesis = self.genesis.map(|_| 0);
        let proofs = self.proofs.values_mut().filter_map(|proofs| proofs.acknowledged.as_mut());
        self.blocks.iter_mut().chain(proofs).for_each(|item| item.at = 0);
        let operations = self.commits.iter_mut().chain(&mut self.executions);
        operations.filter_map(|operation| operation.acknowledged.as_mut()).for_each(|at| *at = 0);
    }

    /// Removes the blocks after this one and everything that belongs to them.
    pub fn revert(&mut self, to: u32) {
        self.blocks.truncate(to as usize);
        self.proofs.retain(|range, _| range.1 <= to);
        self.commits.retain(|operation| operation.last <= to);
        self.executions.retain(|operation| operation.last <= to);
        self.seen = self.seen.min(to);
    }
}
