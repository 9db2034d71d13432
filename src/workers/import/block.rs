//! Import of sealed blocks.

use super::error::ImportError;
use super::json;
use crate::crypto::fr;
use crate::domain::{Block, ImportedBlock, Quarantine};
use crate::store::{BlockRecord, Imported, NewBlock, Store, StoreError};
use crate::witness::{
    Cause, CheckedSignatures, SignatureCheck, WitnessError, assemble, check_signatures, known_outcomes, plan,
};
use crate::workers::account_state::StoredState;
use crate::workers::account_updates::UpdatedAccounts;
use crate::workers::quarantine;

const WHAT: &str = r#"block: {"block":…,"accounts_updated":…}"#;

/// Imports the next sealed block with its account updates; returns its number and the outcome.
///
/// Checks the order, that operations and account updates fit the state and lead to the same result,
/// the number of chunks, and the commitment. If only the commitment is wrong, the block is stored
/// and quarantined.
pub fn import(store: &Store, body: &[u8]) -> Result<(u32, Imported), ImportError> {
    parsed(store, &parse(body)?, &CheckedSignatures::new())
}

/// Imports a block like [`import`]; signatures that the caller has checked are not checked again.
pub(crate) fn parsed(
    store: &Store,
    imported: &ImportedBlock,
    checked: &CheckedSignatures,
) -> Result<(u32, Imported), ImportError> {
    let signatures =
        |block: &Block| known_outcomes(block, checked).unwrap_or_else(|| check_signatures(block));
    put(store, imported, &canonical(imported)?, signatures)
}

/// Parses the body of an import.
pub(super) fn parse(body: &[u8]) -> Result<ImportedBlock, ImportError> {
    json::parse(WHAT, body)
}

/// Returns a block in its stored form.
pub(super) fn canonical(imported: &ImportedBlock) -> Result<Vec<u8>, ImportError> {
    serde_json::to_vec(imported).map_err(|source| ImportError::Json { what: WHAT, source })
}

/// Imports a block with its stored form. `signatures` returns the outcomes of its signature checks;
/// it is not called for a block that is stored already.
pub(super) fn put(
    store: &Store,
    imported: &ImportedBlock,
    canonical: &[u8],
    signatures: impl FnOnce(&Block) -> Vec<SignatureCheck>,
) -> Result<(u32, Imported), ImportError> {
    let number = imported.block.block_number.0;
    let content_hash = *blake3::hash(canonical).as_bytes();
    let genesis = store.chain().genesis()?.ok_or(ImportError::NoGenesis)?;
    let head = store.chain().head()?;
    if let Some(present) = store.chain().block(number)? {
        if present.content_hash == content_hash {
            // A concurrent import may have stored it without having synced yet.
            store.sync()?;
            let quarantine = store.chain().quarantine(number)?;
            let again = quarantine.map(|quarantine| Imported::Quarantined(quarantine.reason));
            return Ok((number, again.unwrap_or(Imported::AlreadyThere)));
        }
        return Err(StoreError::Different { what: format!("block {number}") }.into());
    }
    let expected = head.saturating_add(1);
    if number != expected {
        return Err(StoreError::OutOfOrder { expected, got: number }.into());
    }
    let previous_root = store.chain().block(head)?.map_or(genesis.root, |block| block.root);

    let block = &imported.block;
    let signatures = signatures(block);
    let plan = plan(block, &signatures, &StoredState(store))?;
    let updates = |source| ImportError::Updates { block: number, source };
    let mut updated = UpdatedAccounts::apply(store, &imported.accounts_updated).map_err(updates)?;
    updated.compare(&plan).map_err(updates)?;
    let quarantine = check_commitment(block, &previous_root)?;

    let extra: Vec<u8> = signatures.iter().map(|check| *check as u8).collect();
    let outcome = store.chain().put_block(NewBlock {
        number,
        root: fr::to_bytes(&block.new_root_hash),
        commitment: block.block_commitment.0,
        chunks: u32::try_from(block.block_chunks_size).unwrap_or(u32::MAX),
        content_hash,
        json: canonical,
        extra: &extra,
        changes: &updated.into_changes(),
        quarantine,
    })?;
    Ok((number, outcome))
}

/// Returns the number of operations of a stored block: one signature check of each is stored with
/// it.
pub(crate) fn number_of_operations(block: &BlockRecord) -> u64 {
    block.extra_len
}

/// Returns the quarantine of a block whose only fault is its commitment.
fn check_commitment(block: &Block, previous_root: &[u8; 32]) -> Result<Option<Quarantine>, ImportError> {
    let old_root = fr::from_bytes(previous_root)
        .map_err(|_| StoreError::Corrupt { what: "a stored root is not a field element".into() })?;
    let Err(cause) = assemble::check_commitment(block, &old_root) else { return Ok(None) };
    let is_wrong_commitment = matches!(cause, Cause::Commitment { .. });
    let error = WitnessError { block: block.block_number.0, operation: None, cause };
    if is_wrong_commitment { Ok(Some(quarantine::of(&error))) } else { Err(error.into()) }
}
