//! Rebuilding a store from its durable items: genesis, blocks, aggregated operations, proofs.
//!
//! Every item passes the checks of its import or publication again. An item that fails them is left out, with the reason.
//! The workers derive everything else: witnesses, the account tree after genesis, and the jobs of unproven blocks.
//!
//! # Jobs of proofs
//!
//! The [updater](super::updater) creates jobs in the order of the blocks, after the last existing job. So a proof gets its
//! job, which is done, only if all blocks before it that need a proof have one. Otherwise the updater would never create
//! the jobs of the earlier blocks. It creates the jobs of the other proofs when it reaches their blocks.

use std::fmt::{self, Display};

use serde::{Serialize, de::DeserializeOwned};

use super::import::{self, ImportError, Imported};
use super::progress::Progress;
use super::proofs::{self, PublishRefused};
use super::state::UpdateError;
use crate::domain::AggregatedAction;
use crate::domain::job::JobType;
use crate::domain::{AggregatedOperation, AggregatedProof, ImportedBlock, SingleProof};
use crate::store::{BlobKind, BlobLabel, DurableKind, KeptProof, PublishError, Store, StoreError};

/// An item to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildItem {
    /// The kind.
    pub kind: DurableKind,
    /// The first block it is about; 0 for genesis.
    pub first: u32,
    /// The last block it is about; 0 for genesis.
    pub last: u32,
    /// The prover of a proof, if known.
    pub prover: Option<String>,
    /// When a proof was published, in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The content, as it was stored.
    pub content: Vec<u8>,
}

impl RebuildItem {
    fn into_proof(self) -> KeptProof {
        let Self { first, last, prover, stored_at_ms, content: json, .. } = self;
        KeptProof { first, last, prover, stored_at_ms, json }
    }
}

/// An item that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// Kind and blocks.
    pub item: BlobLabel,
    /// The reason, as a sentence.
    pub reason: String,
}

impl Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.reason)
    }
}

/// What a rebuild stored, and what it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Set if genesis is stored.
    pub genesis: bool,
    /// Number of stored blocks.
    pub blocks: u32,
    /// Number of these that are quarantined: their commitment does not match.
    pub quarantined: u32,
    /// Number of stored aggregated operations.
    pub aggregated_operations: u32,
    /// Number of stored single proofs.
    pub proofs: u32,
    /// Number of stored aggregated proofs.
    pub aggregated_proofs: u32,
    /// What was left out, in the order of the calls.
    pub not_taken: Vec<NotTaken>,
}

/// A rebuild in progress. Items are stored in this order: genesis, blocks ascending, aggregated operations, proofs ascending,
/// aggregated proofs ascending by their last block. An item out of order is left out; a proof out of order only gets its job
/// later.
///
/// Every method returns true if the item is stored. An error is one of the store and ends the rebuild; faults of an item are
/// in the [report](RebuildReport::not_taken).
pub struct Rebuild<'a> {
    store: &'a Store,
    report: RebuildReport,
    /// All blocks before this one are proven or need no proof.
    unproven: u32,
    /// All operations that end before this block are proven or need no proof.
    unaggregated: u32,
}

impl<'a> Rebuild<'a> {
    /// Begins a rebuild into an empty store.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the store has a genesis.
    pub fn new(store: &'a Store) -> Result<Self, StoreError> {
        if store.chain().genesis()?.is_some() {
            return Err(StoreError::Conflict { what: "what the data folder holds: it must be empty".into() });
        }
        Ok(Self { store, report: RebuildReport::default(), unproven: 0, unaggregated: 0 })
    }

    /// Stores an item. `progress` receives the progress of genesis.
    ///
    /// # Errors
    /// If the store fails.
    pub fn put(&mut self, item: RebuildItem, progress: Progress<'_>) -> Result<bool, StoreError> {
        match item.kind {
            DurableKind::Genesis => self.genesis(&item.content, &|done, of| {
                progress("accounts", done as u64, of as u64);
            }),
            DurableKind::Block => self.block(item.first, &item.content),
            DurableKind::AggregatedOperation => {
                self.aggregated_operation(item.first, item.last, &item.content)
            }
            DurableKind::SingleProof => self.proof(&item.into_proof()),
            DurableKind::AggregatedProof => self.aggregated_proof(&item.into_proof()),
        }
    }

    /// Stores genesis. `progress` receives the number of stored accounts, and of all.
    pub(crate) fn genesis(
        &mut self,
        body: &[u8],
        progress: &dyn Fn(usize, usize),
    ) -> Result<bool, StoreError> {
        if let Err(error) = import::genesis(self.store, body, progress) {
            return self.leave_out(GENESIS, of_item(error)?);
        }
        self.report.genesis = true;
        let stored = self.store.chain().genesis()?.map(|genesis| genesis.content_hash);
        if stored != Some(*blake3::hash(body).as_bytes()) {
            return self.leave_out(GENESIS, OTHER_FORM);
        }
        Ok(true)
    }

    /// Stores a block.
    pub(crate) fn block(&mut self, number: u32, body: &[u8]) -> Result<bool, StoreError> {
        let item = BlobLabel::block(BlobKind::Block, number);
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

    /// Stores an aggregated operation.
    pub(crate) fn aggregated_operation(
        &mut self,
        first: u32,
        last: u32,
        body: &[u8],
    ) -> Result<bool, StoreError> {
        let item = BlobLabel::range(BlobKind::AggregatedOperation, first, last);
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

    /// Stores the proof of a block.
    pub(crate) fn proof(&mut self, proof: &KeptProof) -> Result<bool, StoreError> {
        let block = proof.first;
        let item = BlobLabel::block(BlobKind::SingleProof, block);
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

    /// Stores an aggregated proof.
    pub(crate) fn aggregated_proof(&mut self, proof: &KeptProof) -> Result<bool, StoreError> {
        let (first, last) = (proof.first, proof.last);
        let item = BlobLabel::range(BlobKind::AggregatedProof, first, last);
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
                // The data of the job consists of the single proofs. Without them, the job does not exist, and is not needed.
                Ok(_) | Err(StoreError::MissingProof { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// If the store fails.
    pub fn finish(self) -> Result<RebuildReport, StoreError> {
        self.store.sync()?;
        Ok(self.report)
    }

    /// Returns what was stored and left out so far.
    pub fn report(&self) -> &RebuildReport {
        &self.report
    }

    fn keep(
        &mut self,
        item: BlobLabel,
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

    fn leave_out(&mut self, item: BlobLabel, reason: impl Display) -> Result<bool, StoreError> {
        let reason = reason.to_string();
        tracing::warn!(%item, reason, "left out");
        self.report.not_taken.push(NotTaken { item, reason });
        Ok(false)
    }
}

const GENESIS: BlobLabel = BlobLabel { kind: BlobKind::Genesis, first: 0, last: 0 };

/// Stored JSON is canonical. Other JSON would be stored with other bytes.
const OTHER_FORM: &str = "its JSON is not as this program stores it";

fn is_as_stored<T: DeserializeOwned + Serialize>(body: &[u8]) -> bool {
    // Invalid JSON passes here: the error of the import says what it expected.
    serde_json::from_slice::<T>(body)
        .map_or(true, |item| serde_json::to_vec(&item).is_ok_and(|canonical| canonical == body))
}

/// Returns the reason if the item is at fault, or the error of the store.
fn of_item(error: ImportError) -> Result<String, StoreError> {
    match error {
        ImportError::Store(error) | ImportError::Updates { source: UpdateError::Store(error), .. } => {
            of_store(error)
        }
        // The state could not be read.
        ImportError::Block(error) if !error.is_permanent() => Err(StoreError::Kv(error.to_string())),
        ImportError::Tree(error) => Err(StoreError::Kv(error.to_string())),
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
