//! The complete check of a data folder: the findings of the [store](crate::store::Inspection), then
//! a comparison of accounts, tree and proofs with the result of genesis and blocks.

use super::expected_accounts::{AccountWithBalances, ExpectedAccounts};
use super::tree_check;
use crate::crypto::fr;
use crate::domain::{AggregatedProof, ImportedBlock, SingleProof};
use crate::store::{
    BlobKind, BlobLabel, DurableKind, DurableRecord, Finding, Inspection, PublishError, Store, StoreError,
    unless_damaged,
};
use crate::workers::progress::Progress;
use crate::workers::proofs::{self, PublishRefused};

/// Number of findings of one kind that are listed; the rest is only counted.
const SHOWN: usize = 20;

/// Checks a data folder without changing it.
///
/// # Errors
/// Every error that is not damage: what the system fails to read may be sound.
pub fn check(inspection: &Inspection, progress: Progress<'_>) -> Result<Vec<Finding>, StoreError> {
    let mut findings = inspection.check()?;
    if let Some(store) = inspection.store() {
        // An unreadable genesis is among the findings already, and leaves nothing to compare with.
        if let Some(Some(genesis)) = unless_damaged(store.chain().genesis_json())? {
            Comparison { store, findings: &mut findings, progress }.run(&genesis)?;
        }
        inspection.system_error()?;
    }
    Ok(findings)
}

/// Looks for a block that can never be proven by a server that builds all witnesses: it needs a
/// proof, and neither its proof nor its witness is stored or will be built. Every other block without
/// a proof has a job, waits for an earlier block, or is quarantined.
///
/// # Errors
/// Every error that is not damage.
pub(crate) fn unprovable(inspection: &Inspection) -> Result<Option<Finding>, StoreError> {
    let Some(store) = inspection.store() else { return Ok(None) };
    let queue = store.queue();
    let missing =
        queue.last_settled_block().and_then(|settled| queue.first_without_witness(settled, u32::MAX));
    inspection.system_error()?;
    let Some(Some(block)) = unless_damaged(missing)? else { return Ok(None) };
    let what = "it has neither a proof nor a witness, and the account tree is past it";
    let repair = "`revert --to` the last block keeps every block and builds it again";
    let finding = Finding::inconsistency(format!("witness of block {block}"), what);
    Ok(Some(finding.meaning("the block cannot be proven", repair)))
}

/// The comparison of the stored state with the result of genesis and blocks.
struct Comparison<'a> {
    store: &'a Store,
    findings: &'a mut Vec<Finding>,
    progress: Progress<'a>,
}

impl Comparison<'_> {
    fn run(&mut self, genesis: &[u8]) -> Result<(), StoreError> {
        let Some(Some(record)) = unless_damaged(self.store.chain().genesis())? else { return Ok(()) };
        self.expect("genesis", *blake3::hash(genesis).as_bytes() == record.content_hash, || {
            "it is not the imported one".into()
        });
        let Ok(mut expected) = ExpectedAccounts::new(genesis) else {
            self.expect("genesis", false, || "it is not a genesis".into());
            return Ok(());
        };
        let Some(head) = unless_damaged(self.store.chain().head())? else { return Ok(()) };
        let Some(tree_head) = unless_damaged(self.store.tree().head())? else { return Ok(()) };
        let mut root = record.root;
        for number in record.number..=head {
            if number > record.number {
                (self.progress)("blocks", number.into(), head.into());
                match self.block(number, &mut expected)? {
                    Some(after) => root = after,
                    // The state after this block is unknown.
                    None => return Ok(()),
                }
            }
            if number == tree_head {
                let progress = |done, of| (self.progress)("accounts of the tree", done, of);
                self.findings.extend(shorten(tree_check::check(self.store, &expected, root, &progress)));
            }
        }
        self.accounts(&expected)?;
        self.proofs()
    }

    /// Checks a block and applies it to the expected accounts; returns the root after it, or `None`
    /// if it is damaged.
    fn block(
        &mut self,
        number: u32,
        expected: &mut ExpectedAccounts<'_>,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let record = unless_damaged(self.store.chain().block(number))?.flatten();
        let body = unless_damaged(self.store.chain().block_json(number))?.flatten();
        let (Some(record), Some(body)) = (record, body) else { return Ok(None) };
        let place = BlobLabel::block(BlobKind::Block, number).to_string();
        let Ok(imported) = serde_json::from_slice::<ImportedBlock>(&body) else {
            self.expect(&place, false, || "its body is not a block".into());
            return Ok(None);
        };
        let block = &imported.block;
        let same = *blake3::hash(&body).as_bytes() == record.content_hash
            && block.block_number.0 == number
            && fr::to_bytes(&block.new_root_hash) == record.root
            && block.block_commitment.0 == record.commitment;
        self.expect(&place, same, || "its record does not match its body".into());
        if expected.apply(&imported.accounts_updated).is_err() {
            self.expect(&place, false, || "its account updates cannot be applied".into());
            return Ok(None);
        }
        Ok(Some(record.root))
    }

    /// Compares the table of accounts with the expected state after the last block.
    fn accounts(&mut self, accounts: &ExpectedAccounts<'_>) -> Result<(), StoreError> {
        let ids = accounts.ids();
        let mut findings = Vec::new();
        let mut entries = 0;
        for (done, &id) in ids.iter().enumerate() {
            if done % 1024 == 0 {
                (self.progress)("accounts", done as u64, ids.len() as u64);
            }
            let Ok(expected) = accounts.account(id) else { continue };
            let found = (|| {
                let balances = self.store.chain().balances(id, 0, usize::MAX)?.into_iter().collect();
                Ok::<_, StoreError>(AccountWithBalances { state: self.store.chain().account(id)?, balances })
            })();
            entries += u64::from(expected.state.is_some()) + expected.balances.len() as u64;
            // An unreadable account is among the findings already.
            if unless_damaged(found)?.is_some_and(|found| found != expected) {
                let place = format!("account {id}");
                findings.push(Finding::inconsistency(
                    place,
                    "the state differs from the result of genesis and blocks",
                ));
            }
        }
        if unless_damaged(self.store.chain().count_accounts())?.is_some_and(|stored| stored > entries) {
            let what = "it holds accounts or balances that neither genesis nor a block created";
            findings.push(Finding::inconsistency("table `accounts`", what));
        }
        self.findings.extend(shorten(findings));
        Ok(())
    }

    /// Compares each stored proof with the commitments of its blocks.
    fn proofs(&mut self) -> Result<(), StoreError> {
        let mut findings = Vec::new();
        for kind in [DurableKind::SingleProof, DurableKind::AggregatedProof] {
            for record in self.store.records(kind) {
                // Damaged records are among the findings already.
                if let Some(record) = unless_damaged(record)? {
                    findings.extend(self.proof(&record)?);
                }
            }
        }
        self.findings.extend(shorten(findings));
        Ok(())
    }

    fn proof(&self, record: &DurableRecord) -> Result<Option<Finding>, StoreError> {
        let BlobLabel { first, last, .. } = record.label;
        // A damaged proof is among the findings already.
        let Some(json) = unless_damaged(self.store.read_blob(&record.blob))? else { return Ok(None) };
        let good = match record.kind {
            DurableKind::SingleProof => match serde_json::from_slice::<SingleProof>(&json) {
                Ok(proof) => is_proof(proofs::check_single(self.store, first, &proof))?,
                Err(_) => false,
            },
            _ => match serde_json::from_slice::<AggregatedProof>(&json) {
                Ok(proof) => is_proof(proofs::check_aggregated(self.store, first, last, &proof))?,
                Err(_) => false,
            },
        };
        let finding = Finding::inconsistency(
            format!("proof of the blocks {first} to {last}"),
            "it is not a proof of these blocks",
        );
        let repair = "a repair moves it aside, and its job is created again";
        Ok((!good).then(|| finding.meaning("the blocks are not proven", repair)))
    }

    fn expect(&mut self, place: &str, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let finding = Finding::inconsistency(place, what());
            self.findings
                .push(finding.meaning("the record or the body is wrong", "a repair imports the body again"));
        }
    }
}

/// Returns true if a proof fits its blocks.
///
/// # Errors
/// Errors of the store that are not damage.
fn is_proof<T>(checked: Result<T, PublishRefused>) -> Result<bool, StoreError> {
    match checked {
        Ok(_) => Ok(true),
        Err(PublishRefused::Store(error) | PublishRefused::Queue(PublishError::Store(error)))
            if !error.is_damage() =>
        {
            Err(error)
        }
        Err(_) => Ok(false),
    }
}

/// Keeps the first findings and adds one with the number of the others.
fn shorten(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(SHOWN);
    findings.truncate(SHOWN);
    if more > 0
        && let Some(last) = findings.last().cloned()
    {
        findings.push(Finding { place: "and".into(), what: format!("{more} more like that"), ..last });
    }
    findings
}
