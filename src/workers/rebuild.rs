//! Making an empty store anew from what nothing else can be derived from: genesis, blocks, aggregated operations, proofs.
//!
//! Every item passes the checks it passed when it was imported or published. One that does not pass is left out, with a sentence why.
//! Witnesses, the account tree beyond genesis, and the jobs of unproven blocks follow by themselves once the workers run.
//!
//! # Jobs of proofs
//!
//! The [updater](super::updater) makes jobs in the order of the blocks, behind the last job there is. So a proof gets its job, which is done,
//! at once only while all blocks before it that need a proof have one; else an earlier block would be passed over for ever. The
//! updater records the jobs of the other proofs when it comes to their blocks.

use std::fmt::{self, Display};

use serde::{Serialize, de::DeserializeOwned};

use super::import::{self, ImportError, Imported};
use super::proofs::{self, PublishRefused};
use super::state::UpdateError;
use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::domain::{AggregatedOperation, AggregatedProof, ImportedBlock, SingleProof};
use crate::store::{KeptProof, PublishError, Store, StoreError};

/// What a store is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The state before block 1.
    Genesis,
    /// A block with its account updates.
    Block(u32),
    /// An aggregated operation over the blocks `first..=last`.
    AggregatedOperation {
        /// First block.
        first: u32,
        /// Last block.
        last: u32,
    },
    /// The proof of a block.
    Proof(u32),
    /// The aggregated proof of the blocks `first..=last`.
    AggregatedProof {
        /// First block.
        first: u32,
        /// Last block.
        last: u32,
    },
}

impl Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis => write!(f, "the genesis"),
            Self::Block(number) => write!(f, "block {number}"),
            Self::AggregatedOperation { first, last } => {
                write!(f, "the aggregated operation over blocks {first} to {last}")
            }
            Self::Proof(number) => write!(f, "the proof of block {number}"),
            Self::AggregatedProof { first, last } => {
                write!(f, "the aggregated proof of blocks {first} to {last}")
            }
        }
    }
}

/// An item that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// Which.
    pub item: Item,
    /// Why, as a sentence.
    pub reason: String,
}

impl Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.reason)
    }
}

/// What a rebuild stored and what it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Whether the genesis is stored.
    pub genesis: bool,
    /// Blocks stored.
    pub blocks: u32,
    /// Blocks among these that will not be witnessed: their commitment does not come out.
    pub quarantined: u32,
    /// Aggregated operations stored.
    pub aggregated_operations: u32,
    /// Single proofs stored.
    pub proofs: u32,
    /// Aggregated proofs stored.
    pub aggregated_proofs: u32,
    /// What was left out, in the order in which it came.
    pub not_taken: Vec<NotTaken>,
}

/// Takes items in this order: genesis, blocks ascending, aggregated operations, proofs ascending, aggregated proofs ascending by their
/// last block. An item out of order is left out or, in the case of proofs, costs its job some time; nothing worse.
///
/// Every method gives whether the item is stored now. Its error is one of the store, which ends the rebuild; what the item itself
/// is at fault for is in the [report](RebuildReport::not_taken).
pub struct Rebuild<'a> {
    store: &'a Store,
    report: RebuildReport,
    /// All blocks before this one are proven or need no proof.
    unproven: u32,
    /// All operations that end before this block are proven or need no proof.
    unaggregated: u32,
}

impl<'a> Rebuild<'a> {
    /// A rebuild into an empty store.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is a genesis.
    pub fn new(store: &'a Store) -> Result<Self, StoreError> {
        if store.chain().genesis()?.is_some() {
            return Err(StoreError::Conflict { what: "what the data folder holds: it must be empty".into() });
        }
        Ok(Self { store, report: RebuildReport::default(), unproven: 0, unaggregated: 0 })
    }

    /// The genesis, as [`ChainStore::genesis_body`] gave it. `progress` is told how many accounts are done, and of how many.
    ///
    /// # Errors
    /// See [`Rebuild`].
    pub fn genesis(&mut self, body: &[u8], progress: &dyn Fn(usize, usize)) -> Result<bool, StoreError> {
        if let Err(error) = import::genesis(self.store, body, progress) {
            return self.leave_out(Item::Genesis, of_item(error)?);
        }
        self.report.genesis = true;
        let stored = self.store.chain().genesis()?.map(|genesis| genesis.content_hash);
        if stored != Some(*blake3::hash(body).as_bytes()) {
            return self.leave_out(Item::Genesis, OTHER_FORM);
        }
        Ok(true)
    }

    /// A block, as [`ChainStore::block_body`] gave it.
    ///
    /// # Errors
    /// See [`Rebuild`].
    pub fn block(&mut self, number: u32, body: &[u8]) -> Result<bool, StoreError> {
        let item = Item::Block(number);
        let next = self.store.chain().head()?.saturating_add(1);
        if number != next {
            return self.leave_out(item, format!("it does not follow the block before: block {next} does"));
        }
        if !is_as_stored::<ImportedBlock>(body) {
            return self.leave_out(item, OTHER_FORM);
        }
        match import::block(self.store, body) {
            Ok((_, imported)) => {
                self.report.blocks += 1;
                self.report.quarantined += u32::from(matches!(imported, Imported::Quarantined(_)));
                Ok(true)
            }
            Err(error) => self.leave_out(item, of_item(error)?),
        }
    }

    /// An aggregated operation over the blocks `first..=last`, as its body was stored.
    ///
    /// # Errors
    /// See [`Rebuild`].
    pub fn aggregated_operation(&mut self, first: u32, last: u32, body: &[u8]) -> Result<bool, StoreError> {
        let item = Item::AggregatedOperation { first, last };
        if !is_as_stored::<AggregatedOperation>(body) {
            return self.leave_out(item, OTHER_FORM);
        }
        match import::aggregated_operation(self.store, body) {
            Ok(_) => {
                self.report.aggregated_operations += 1;
                Ok(true)
            }
            Err(error) => self.leave_out(item, of_item(error)?),
        }
    }

    /// The proof of a block, as it was stored.
    ///
    /// # Errors
    /// See [`Rebuild`].
    pub fn proof(&mut self, proof: &KeptProof) -> Result<bool, StoreError> {
        let (item, block) = (Item::Proof(proof.first), proof.first);
        let checked = match serde_json::from_slice::<SingleProof>(&proof.json) {
            Ok(json) => proofs::check_single(self.store, block, &json).map(drop),
            Err(error) => return self.leave_out(item, error),
        };
        if !self.keep(item, JobType::Single, proof, checked)? {
            return Ok(false);
        }
        self.report.proofs += 1;
        if self.unproven == 0 {
            let elsewhere = self.store.chain().last_block_of(AggregatedAction::PublishProofBlocksOnchain)?;
            self.unproven = elsewhere.max(self.store.chain().last_verified_block()?).saturating_add(1);
        }
        while self.store.queue().has_single_proof(self.unproven)? {
            self.unproven = self.unproven.saturating_add(1);
        }
        if block < self.unproven {
            self.store.queue().add_single_job(block)?;
        }
        Ok(true)
    }

    /// The aggregated proof of the blocks `first..=last`, as it was stored.
    ///
    /// # Errors
    /// See [`Rebuild`].
    pub fn aggregated_proof(&mut self, proof: &KeptProof) -> Result<bool, StoreError> {
        let (first, last) = (proof.first, proof.last);
        let item = Item::AggregatedProof { first, last };
        let checked = match serde_json::from_slice::<AggregatedProof>(&proof.json) {
            Ok(json) => proofs::check_aggregated(self.store, first, last, &json).map(drop),
            Err(error) => return self.leave_out(item, error),
        };
        if !self.keep(item, JobType::Aggregated, proof, checked)? {
            return Ok(false);
        }
        self.report.aggregated_proofs += 1;
        if self.unaggregated == 0 {
            let elsewhere = self.store.chain().last_block_of(AggregatedAction::PublishProofBlocksOnchain)?;
            self.unaggregated = elsewhere.saturating_add(1);
        }
        let create = AggregatedAction::CreateProofBlocks;
        while let Some(operation) =
            self.store.chain().aggregated_operation_covering(create, self.unaggregated)?
        {
            if !self.store.queue().has_aggregated_proof(operation.first, operation.last)? {
                break;
            }
            self.unaggregated = operation.last.saturating_add(1);
        }
        if last < self.unaggregated {
            match self.store.queue().add_aggregated_job(first, last) {
                // The data of the job is made of the proofs: without them there is no job, and nobody asks for one.
                Ok(_) | Err(StoreError::MissingProof { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Makes everything durable and says what was done.
    ///
    /// # Errors
    /// When the store fails.
    pub fn finish(self) -> Result<RebuildReport, StoreError> {
        self.store.sync()?;
        Ok(self.report)
    }

    /// What was done until now.
    pub fn report(&self) -> &RebuildReport {
        &self.report
    }

    fn keep(
        &mut self,
        item: Item,
        job_type: JobType,
        proof: &KeptProof,
        checked: Result<(), PublishRefused>,
    ) -> Result<bool, StoreError> {
        let kept = checked.and_then(|()| Ok(self.store.queue().keep_proof(job_type, proof)?));
        match kept {
            Ok(()) => Ok(true),
            Err(PublishRefused::Store(error) | PublishRefused::Queue(PublishError::Store(error))) => {
                self.leave_out(item, of_store(error)?)
            }
            Err(refused) => self.leave_out(item, refused),
        }
    }

    fn leave_out(&mut self, item: Item, reason: impl Display) -> Result<bool, StoreError> {
        let reason = reason.to_string();
        tracing::warn!(%item, reason, "left out");
        self.report.not_taken.push(NotTaken { item, reason });
        Ok(false)
    }
}

/// What is stored is canonical; anything else would come back with other bytes.
const OTHER_FORM: &str = "its JSON is not as this program stores it";

fn is_as_stored<T: DeserializeOwned + Serialize>(body: &[u8]) -> bool {
    // What does not parse is for the import to say, which knows what it expected.
    serde_json::from_slice::<T>(body)
        .map_or(true, |item| serde_json::to_vec(&item).is_ok_and(|canonical| canonical == body))
}

/// The reason, if the item is at fault; the store's error if that is.
fn of_item(error: ImportError) -> Result<String, StoreError> {
    match error {
        ImportError::Store(error) | ImportError::Updates { source: UpdateError::Store(error), .. } => {
            of_store(error)
        }
        // The state could not be read.
        ImportError::Block(error) if !error.is_permanent() => Err(StoreError::Index(error.to_string())),
        ImportError::Tree(error) => Err(StoreError::Index(error.to_string())),
        error => Ok(error.to_string()),
    }
}

fn of_store(error: StoreError) -> Result<String, StoreError> {
    match error {
        StoreError::OutOfOrder { .. }
        | StoreError::Different { .. }
        | StoreError::Conflict { .. }
        | StoreError::NotFound { .. }
        | StoreError::MissingProof { .. }
        | StoreError::TooLarge { .. } => Ok(error.to_string()),
        error => Err(error),
    }
}
