//! Export of a stored block as a bundle.

use serde_json::value::RawValue;
use thiserror::Error;

use super::content::{Bundle, BundledProof, StateBefore};
use super::file::FileError;
use super::replay::Recorder;
use crate::crypto::rescue;
use crate::domain::job::JobType;
use crate::domain::{AccountUpdate, ImportedBlock};
use crate::store::{ProofRecord, Store, StoreError};
use crate::tree::{AccountTree, Multiproof, TreeError, TreeView};
use crate::witness::{SignatureCheck, WitnessError, plan};
use crate::workers::TreeState;

/// The reason why a block cannot be exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The block or the tree before it is missing, or the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tree before the block cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The state before the block cannot be read.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The bundle is too large for a file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Exports a block. The tree must have reached the block before it, and the stored history must
/// reach back to that block. `now_ms` is the time of the export, in milliseconds since 1970.
pub fn export(store: &Store, number: u32, now_ms: u64) -> Result<Bundle, ExportError> {
    let missing = || StoreError::NotFound { what: format!("block {number}") };
    let record = store.chain().block(number)?.ok_or_else(missing)?;
    let body = store.chain().block_json(number)?.ok_or_else(missing)?;
    let corrupt = |what: &str| StoreError::Corrupt { what: format!("{what} of block {number}") };
    let imported: ImportedBlock = serde_json::from_slice(&body).map_err(|_| corrupt("the body"))?;
    let outcomes = store.chain().block_extra(number)?.ok_or_else(missing)?;
    let signatures = outcomes.iter().map(|outcome| SignatureCheck::try_from(*outcome));
    let signatures: Vec<SignatureCheck> =
        signatures.collect::<Result<_, _>>().map_err(|_| corrupt("the signature outcome"))?;
    let witness = store.tree().witness(number)?.map(|witness| store.read_blob(&witness.blob)).transpose()?;
    let proof = proof(store, number)?;

    let before = store.tree().before(number, |view| state_before(view, &imported, &signatures))??;
    // The parts were read one by one: they belong together only if the block was not replaced
    // since.
    let after = store.chain().block(number)?.ok_or_else(missing)?;
    if after.content_hash != record.content_hash {
        return Err(StoreError::ReadViewEnded.into());
    }
    let raw = |json: Vec<u8>, what: &str| {
        let text = String::from_utf8(json).map_err(|_| corrupt(what))?;
        RawValue::from_string(text).map_err(|_| corrupt(what))
    };
    Ok(Bundle {
        program: concat!("zksync-witness-server ", env!("CARGO_PKG_VERSION")).to_owned(),
        platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        engine: rescue::engine().to_string(),
        taken_at_ms: now_ms,
        block: number,
        imported_at_ms: record.imported_at_ms,
        imported: raw(body, "the body")?,
        signature_outcomes: hex::encode(outcomes),
        before,
        quarantine: after.quarantine,
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
    let next = store.queue().proofs(JobType::Single, Some((previous, previous)), 1)?.pop();
    let Some(record) = next.filter(|record| record.first == number) else { return Ok(None) };
    let json = store.read_blob(&record.blob)?;
    Ok(Some((record, json)))
}

/// Collects the part of the state that the plan of the block and its account updates read.
fn state_before(
    view: &TreeView,
    imported: &ImportedBlock,
    signatures: &[SignatureCheck],
) -> Result<StateBefore, ExportError> {
    let tree = AccountTree::open(view)?;
    let recorder = Recorder::new(TreeState(&tree));
    // The plan of a faulty block ends early, and its replay ends at the same operation.
    match plan(&imported.block, signatures, &recorder) {
        Err(error) if !error.is_permanent() => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    // Without any leaf the paths would not determine the root.
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
    Ok(StateBefore::new(tree.root(), &proof))
}
