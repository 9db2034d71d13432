//! A bundle of a stored block.

use serde_json::value::RawValue;
use thiserror::Error;

use super::content::{Before, Bundle, BundledProof, BundledQuarantine};
use super::file::FileError;
use super::replay::Recorder;
use crate::crypto::{fr, rescue};
use crate::domain::job::JobType;
use crate::domain::{AccountUpdate, ImportedBlock};
use crate::store::{ProofRecord, Quarantine, Store, StoreError};
use crate::tree::{AccountTree, Multiproof, TreeError, TreeView};
use crate::witness::{SignatureCheck, WitnessError, plan};
use crate::workers::state::InTree;

/// Why there is no bundle of a block.
#[derive(Debug, Error)]
pub enum TakeError {
    /// The block, or the tree before it, is not there; or the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tree before the block cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The state before the block cannot be read.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// What was taken makes no file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Takes a block, what it reads of the state before it, and what is stored of it beside. The tree must have come to the block before it,
/// and the kept history must reach back to there.
///
/// # Errors
/// See [`TakeError`].
pub fn take(store: &Store, number: u32) -> Result<Bundle, TakeError> {
    let missing = || StoreError::NotFound { what: format!("block {number}") };
    let record = store.block(number)?.ok_or_else(missing)?;
    let body = store.block_body(number)?.ok_or_else(missing)?;
    let corrupt = |what: &str| StoreError::Corrupt { what: format!("{what} of block {number}") };
    let imported: ImportedBlock = serde_json::from_slice(&body).map_err(|_| corrupt("the body"))?;
    let outcomes = store.block_extra(number)?.ok_or_else(missing)?;
    let signatures = outcomes.iter().map(|outcome| SignatureCheck::try_from(*outcome));
    let signatures: Vec<SignatureCheck> =
        signatures.collect::<Result<_, _>>().map_err(|_| corrupt("the signature outcome"))?;
    let witness = store.witness(number)?.map(|witness| store.read_blob(&witness.body)).transpose()?;
    let proof = proof(store, number)?;

    let before = store.tree_before(number, |view| before(view, &imported, &signatures))??;
    // All of it is of one block, unless that was replaced meanwhile.
    let after = store.block(number)?.ok_or_else(missing)?;
    if after.content_hash != record.content_hash {
        return Err(StoreError::SnapshotEnded.into());
    }
    let raw = |json: Vec<u8>, what: &str| {
        let text = String::from_utf8(json).map_err(|_| corrupt(what))?;
        RawValue::from_string(text).map_err(|_| corrupt(what))
    };
    let quarantine = after.quarantine.map(|Quarantine { op_index, op_kind, cause, at_ms }| {
        BundledQuarantine { reason: cause, operation: op_index, kind: op_kind, at_ms }
    });
    Ok(Bundle {
        program: concat!("zksync-witness-server ", env!("CARGO_PKG_VERSION")).to_owned(),
        platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        engine: rescue::engine().to_string(),
        taken_at_ms: store.now_ms(),
        block: number,
        imported_at_ms: record.imported_at_ms,
        imported: raw(body, "the body")?,
        signature_outcomes: hex::encode(outcomes),
        before,
        quarantine,
        witness: witness.map(|json| raw(json, "the witness")).transpose()?,
        proof: match proof {
            None => None,
            Some((ProofRecord { prover, stored_at_ms, .. }, json)) => {
                Some(BundledProof { prover, stored_at_ms, proof: raw(json, "the proof")? })
            }
        },
    })
}

fn proof(store: &Store, number: u32) -> Result<Option<(ProofRecord, Vec<u8>)>, StoreError> {
    let previous = number.saturating_sub(1);
    let next = store.proofs(JobType::Single, Some((previous, previous)), 1)?.pop();
    let Some(record) = next.filter(|record| record.first == number) else { return Ok(None) };
    let json = store.read_blob(&record.body)?;
    Ok(Some((record, json)))
}

/// What planning the block and applying its updates reads.
fn before(
    view: &TreeView,
    imported: &ImportedBlock,
    signatures: &[SignatureCheck],
) -> Result<Before, TakeError> {
    let tree = AccountTree::open(view)?;
    let recorder = Recorder::new(InTree(&tree));
    // Where the block is wrong the plan ends early, and a replay ends at the same place.
    match plan(&imported.block, signatures, &recorder) {
        Err(error) if !error.is_permanent() => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    // There is no root without an account.
    recorder.note(imported.block.fee_account.0, None);
    for (account, update) in &imported.accounts_updated {
        let token = match update {
            AccountUpdate::UpdateBalance { balance_update: (token, _, _), .. } => Some(token.0),
            _ => None,
        };
        recorder.note(account.0, token);
    }
    let (accounts, balances) = recorder.into_reads();
    let proof = Multiproof::read(view, &accounts, &balances)?;
    Ok(Before::new(tree.root(), &proof))
}

/// The root before the block, as 64 hex digits.
impl std::fmt::Display for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&fr::to_hex(&self.root))
    }
}
