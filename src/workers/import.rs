//! Import of sealed blocks and aggregated operations: checked, then stored, then announced. [`genesis`] comes before them.

use thiserror::Error;

pub use super::genesis::import as genesis;
use super::state::{self, UpdateError, Updated};
use crate::crypto::{Fr, fr};
use crate::domain::{AggregatedOperation, AmountError, Block, ImportedBlock};
use crate::store::{BlockRecord, NewBlock, PutOutcome, Quarantine, Store, StoreError};
use crate::tree::TreeError;
use crate::witness::{Cause, SignatureCheck, WitnessError, assemble, check_signatures, plan};

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// Stored and on its way.
    Stored,
    /// The same was there already; nothing changed.
    AlreadyThere,
    /// Stored, but it will not be witnessed, for this reason.
    Quarantined(String),
}

/// Why an import was refused. Nothing was stored.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The body is not the JSON of what it should be.
    #[error("not a valid {what}: {source}")]
    Json {
        /// What was expected.
        what: &'static str,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A block or operation without the genesis.
    #[error("there is no genesis yet: import genesis.json first")]
    NoGenesis,
    /// The block does not fit the state.
    #[error(transparent)]
    Block(#[from] WitnessError),
    /// Its account updates do not fit.
    #[error("block {block}: {source}")]
    Updates {
        /// Number of the block.
        block: u32,
        /// What is wrong.
        #[source]
        source: UpdateError,
    },
    /// A balance of the genesis exceeds 128 bits.
    #[error("genesis account {account}: {source}")]
    GenesisAmount {
        /// The account.
        account: u32,
        /// Why.
        source: AmountError,
    },
    /// An account id of the genesis outside the tree's used part.
    #[error("genesis account {0} is above the largest account id 16777215")]
    GenesisAccount(u32),
    /// An aggregated operation whose blocks are no run of consecutive numbers.
    #[error("the blocks of the aggregated operation are not a run of consecutive numbers from 1 on")]
    NotARun,
    /// An aggregated operation over a block that is not there, or is another one.
    #[error("block {0} of the aggregated operation is not the stored block: import that block first")]
    OtherBlock(u32),
    /// The account tree could not be built.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports the next sealed block with its account updates.
///
/// Checked: order, that the operations and the account updates fit the state and each other, the chunk count, the commitment. A block whose
/// commitment does not come out is stored and quarantined.
///
/// # Errors
/// See [`ImportError`].
pub fn block(store: &Store, body: &[u8]) -> Result<(u32, Imported), ImportError> {
    let json = |source| ImportError::Json { what: r#"block: {"block":…,"accounts_updated":…}"#, source };
    let imported: ImportedBlock = serde_json::from_slice(body).map_err(json)?;
    let number = imported.block.block_number.0;
    let canonical = serde_json::to_vec(&imported).map_err(json)?;
    let content_hash = *blake3::hash(&canonical).as_bytes();
    let genesis = store.chain().genesis()?.ok_or(ImportError::NoGenesis)?;
    let head = store.chain().head()?;
    if let Some(present) = store.chain().block(number)? {
        if present.content_hash == content_hash {
            // It may be there only since a moment ago.
            store.sync()?;
            return Ok((number, Imported::AlreadyThere));
        }
        return Err(StoreError::Different { what: format!("block {number}") }.into());
    }
    let expected = head.saturating_add(1);
    if number != expected {
        return Err(StoreError::OutOfOrder { expected, got: number }.into());
    }
    let previous_root = store.chain().block(head)?.map_or(genesis.root, |block| block.root);

    let block = &imported.block;
    let signatures = check_signatures(block);
    let plan = plan(block, &signatures, &state::Imported(store))?;
    let updates = |source| ImportError::Updates { block: number, source };
    let mut updated = Updated::apply(store, &imported.accounts_updated).map_err(updates)?;
    updated.compare(&plan).map_err(updates)?;
    let quarantine = quarantine(store, block, &previous_root)?;
    let reason = quarantine.as_ref().map(|quarantine| quarantine.cause.clone());

    let extra: Vec<u8> = signatures.iter().map(|check: &SignatureCheck| *check as u8).collect();
    let outcome = store.chain().put_block(NewBlock {
        number,
        root: fr::to_bytes(&block.new_root_hash),
        commitment: block.block_commitment.0,
        chunks: u32::try_from(block.block_chunks_size).unwrap_or(u32::MAX),
        content_hash,
        body: &canonical,
        extra: &extra,
        changes: &updated.into_changes(),
        quarantine,
    })?;
    Ok((number, reason.map_or_else(|| stored(outcome), Imported::Quarantined)))
}

/// How many operations a stored block has: one signature check of each was kept with it.
pub fn operations(block: &BlockRecord) -> u64 {
    block.extra_len
}

fn quarantine(
    store: &Store,
    block: &Block,
    previous_root: &[u8; 32],
) -> Result<Option<Quarantine>, ImportError> {
    let old_root: Fr = fr::from_bytes(previous_root)
        .map_err(|_| StoreError::Corrupt { what: "a stored root is no field element".into() })?;
    match assemble::check_commitment(block, &old_root) {
        Ok(_) => Ok(None),
        Err(cause @ Cause::Commitment { .. }) => {
            Ok(Some(Quarantine { op_index: None, op_kind: None, cause: cause.to_string(), at_ms: 0 }))
        }
        Err(cause) => Err(WitnessError { block: block.block_number.0, operation: None, cause }.into()),
    }
}

/// Imports an aggregated operation over stored blocks.
///
/// # Errors
/// See [`ImportError`].
pub fn aggregated_operation(store: &Store, body: &[u8]) -> Result<Imported, ImportError> {
    let json = |source| ImportError::Json { what: "aggregated operation", source };
    let operation: AggregatedOperation = serde_json::from_slice(body).map_err(json)?;
    put_operation(store, &operation)
}

/// Records an aggregated operation.
///
/// # Errors
/// See [`ImportError`].
pub fn put_operation(store: &Store, operation: &AggregatedOperation) -> Result<Imported, ImportError> {
    let json = |source| ImportError::Json { what: "aggregated operation", source };
    let blocks = operation.blocks();
    let first = blocks.first().map_or(0, |block| block.block_number.0);
    let consecutive = blocks.iter().zip(first..).all(|(block, number)| block.block_number.0 == number);
    if first == 0 || !consecutive {
        return Err(ImportError::NotARun);
    }
    for block in blocks {
        let number = block.block_number.0;
        let stored = store.chain().block(number)?;
        if stored.is_none_or(|stored| stored.commitment != block.block_commitment.0) {
            return Err(ImportError::OtherBlock(number));
        }
    }
    let last = blocks.last().map_or(first, |block| block.block_number.0);
    let canonical = serde_json::to_vec(operation).map_err(json)?;
    let content_hash = *blake3::hash(&canonical).as_bytes();
    Ok(stored(store.chain().put_aggregated_operation(
        operation.action(),
        first,
        last,
        content_hash,
        &canonical,
    )?))
}

fn stored(outcome: PutOutcome) -> Imported {
    match outcome {
        PutOutcome::Stored => Imported::Stored,
        PutOutcome::AlreadyThere => Imported::AlreadyThere,
    }
}
