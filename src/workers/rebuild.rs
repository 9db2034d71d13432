//! Rebuilds a store from its durable items: genesis, blocks, aggregated operations, proofs.
//!
//! Every item passes the checks of its import or publication again. An item that fails them is
//! omitted, with the reason. The workers derive everything else: witnesses, the account tree after
//! genesis, and the jobs of unproven blocks.
//!
//! # Jobs of proofs
//!
//! The updater adds jobs in the order of the blocks, after the last existing job.
//! So the rebuild adds the finished job of a proof only if all earlier blocks that need a proof
//! have one. Otherwise the updater would never add the jobs of the earlier blocks. It adds the jobs
//! of the other proofs when it reaches their blocks.

use std::fmt::Display;

use serde::{Serialize, de::DeserializeOwned};

use super::account_updates::UpdateError;
use super::import::{self, CheckedBlock, ImportError};
use super::progress::Progress;
use super::proofs::{self, PublishRefused};
use super::rebuild_item::PreparedItem;
use super::rebuild_report::{OmittedItem, RebuildReport};
use crate::domain::job::JobType;
use crate::domain::{AggregatedAction, AggregatedOperation, AggregatedProof, SingleProof};
use crate::store::{
    BlobKind, BlobLabel, DurableKind, Imported, ImportedProof, PublishError, Store, StoreError,
};

/// A rebuild of an empty store.
///
/// Items are stored in this order: genesis, blocks ascending, aggregated operations, proofs
/// ascending, aggregated proofs ascending by their last block. An item out of order is omitted; a
/// proof out of order is stored, and its job is added later.
///
/// Every method returns true if the item is stored. An error is one of the store and ends the
/// rebuild; an invalid item is listed in the [report](RebuildReport::omitted) instead.
pub(crate) struct Rebuild<'a> {
    store: &'a Store,
    report: RebuildReport,
    /// All blocks before this one are proven or need no proof.
    unproven: u32,
    /// All operations that end before this block are proven or need no proof.
    unaggregated: u32,
}

impl<'a> Rebuild<'a> {
    /// Begins a rebuild into an empty store. Nothing is durable before [`Rebuild::finish`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the store has a genesis.
    pub(crate) fn new(store: &'a Store) -> Result<Self, StoreError> {
        if store.chain().genesis()?.is_some() {
            return Err(StoreError::Conflict { what: "what the data folder holds: it must be empty".into() });
        }
        store.defer_syncs();
        Ok(Self { store, report: RebuildReport::default(), unproven: 0, unaggregated: 0 })
    }

    /// Stores an item. `progress` receives the progress of genesis.
    pub(crate) fn put(&mut self, item: PreparedItem, progress: Progress<'_>) -> Result<bool, StoreError> {
        let PreparedItem { item, block } = item;
        match item.kind {
            DurableKind::Genesis => self.genesis(item.first, &item.content, &|done, of| {
                progress("accounts", done as u64, of as u64);
            }),
            DurableKind::Block => match block {
                Some(checked) => self.checked_block(item.first, &item.content, checked),
                None => self.block(item.first, &item.content),
            },
            DurableKind::AggregatedOperation => {
                self.aggregated_operation(item.first, item.last, &item.content)
            }
            DurableKind::SingleProof => self.proof(&item.into_proof()),
            DurableKind::AggregatedProof => self.aggregated_proof(&item.into_proof()),
        }
    }

    /// Stores the genesis, the state after block `number`. `progress` receives the number of stored
    /// accounts, and of all.
    pub(crate) fn genesis(
        &mut self,
        number: u32,
        body: &[u8],
        progress: &dyn Fn(usize, usize),
    ) -> Result<bool, StoreError> {
        if let Err(error) = import::genesis_at(self.store, number, body, progress) {
            return self.omit(BlobLabel::block(BlobKind::Genesis, number), of_item(error)?);
        }
        self.report.genesis = true;
        let stored = self.store.chain().genesis()?.map(|genesis| genesis.content_hash);
        if stored != Some(*blake3::hash(body).as_bytes()) {
            return self.omit(BlobLabel::block(BlobKind::Genesis, number), NOT_CANONICAL);
        }
        Ok(true)
    }

    /// Stores a block.
    pub(crate) fn block(&mut self, number: u32, body: &[u8]) -> Result<bool, StoreError> {
        self.checked_block(number, body, CheckedBlock::new(body))
    }

    fn checked_block(
        &mut self,
        number: u32,
        body: &[u8],
        checked: Result<CheckedBlock, ImportError>,
    ) -> Result<bool, StoreError> {
        let item = BlobLabel::block(BlobKind::Block, number);
        let next = self.store.chain().head()?.saturating_add(1);
        if number != next {
            return self.omit(item, format!("out of order: block {next} is next"));
        }
        if checked.as_ref().is_ok_and(|checked| !checked.is_canonical()) {
            return self.omit(item, NOT_CANONICAL);
        }
        match checked.and_then(|checked| checked.import(self.store, body)) {
            Ok((_, imported)) => {
                self.report.blocks += 1;
                self.report.quarantined += u32::from(matches!(imported, Imported::Quarantined(_)));
                Ok(true)
            }
            Err(error) => self.omit(item, of_item(error)?),
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
        if !is_canonical::<AggregatedOperation>(body) {
            return self.omit(item, NOT_CANONICAL);
        }
        match import::aggregated_operation_again(self.store, body) {
            Ok(_) => {
                self.report.aggregated_operations += 1;
                Ok(true)
            }
            Err(error) => self.omit(item, of_item(error)?),
        }
    }

    /// Stores the proof of a block.
    pub(crate) fn proof(&mut self, proof: &ImportedProof) -> Result<bool, StoreError> {
        let block = proof.first;
        let item = BlobLabel::block(BlobKind::SingleProof, block);
        let checked = match serde_json::from_slice::<SingleProof>(&proof.json) {
            Ok(json) => proofs::check_single(self.store, block, &json).map(drop),
            Err(error) => return self.omit(item, error),
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
    pub(crate) fn aggregated_proof(&mut self, proof: &ImportedProof) -> Result<bool, StoreError> {
        let (first, last) = (proof.first, proof.last);
        let item = BlobLabel::range(BlobKind::AggregatedProof, first, last);
        let checked = match serde_json::from_slice::<AggregatedProof>(&proof.json) {
            Ok(json) => proofs::check_aggregated(self.store, first, last, &json).map(drop),
            Err(error) => return self.omit(item, error),
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
                // The data of the job consists of the single proofs. Without them, the job does not
                // exist, and is not needed.
                Ok(_) | Err(StoreError::MissingProof { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Makes everything durable and returns the report.
    pub(crate) fn finish(self) -> Result<RebuildReport, StoreError> {
        self.store.sync_deferred()?;
        Ok(self.report)
    }

    /// Returns the report so far.
    pub(crate) fn report(&self) -> &RebuildReport {
        &self.report
    }

    fn keep(
        &mut self,
        item: BlobLabel,
        job_type: JobType,
        proof: &ImportedProof,
        checked: Result<(), PublishRefused>,
    ) -> Result<bool, StoreError> {
        let kept = checked.and_then(|()| Ok(self.store.queue().import_proof(job_type, proof)?));
        match kept {
            Ok(()) => Ok(true),
            Err(PublishRefused::Store(error) | PublishRefused::Queue(PublishError::Store(error))) => {
                self.omit(item, of_store(error)?)
            }
            Err(refused) => self.omit(item, refused),
        }
    }

    fn omit(&mut self, item: BlobLabel, reason: impl Display) -> Result<bool, StoreError> {
        let reason = reason.to_string();
        tracing::warn!(%item, reason, "omitted");
        self.report.omitted.push(OmittedItem { item, reason });
        Ok(false)
    }
}

/// Stored JSON is canonical. Other JSON would be stored with other bytes.
const NOT_CANONICAL: &str = "its JSON is not the form that this program stores";

fn is_canonical<T: DeserializeOwned + Serialize>(body: &[u8]) -> bool {
    // Invalid JSON passes this check: the error of the import names the expected shape.
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
