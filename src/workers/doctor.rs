//! The whole check of a data folder: what the [store](crate::store::Inspection) finds, and whether state and tree are what genesis and
//! blocks lead to.

use super::ledger::{Held, Ledger};
use super::progress::Progress;
use super::proofs;
use super::tree_check;
use crate::crypto::fr;
use crate::domain::job::JobType;
use crate::domain::{AggregatedProof, ImportedBlock, SingleProof};
use crate::store::{BlobKind, BlobLabel, Finding, Inspection, ProofRecord, Store, StoreError};

/// Findings of one sort beyond this are counted only.
const SHOWN: usize = 20;
/// Proofs read at a time.
const PAGE: usize = 100;

/// Checks everything. Changes nothing.
///
/// # Errors
/// When files cannot be read at all.
pub fn check(inspection: &Inspection, progress: Progress<'_>) -> Result<Vec<Finding>, StoreError> {
    let mut findings = inspection.check()?;
    if let Some(store) = inspection.store() {
        // What cannot be read was found already; then there is nothing to compare with.
        if let Ok(Some(genesis)) = store.chain().genesis_body() {
            Check { store, findings: &mut findings, progress }.run(&genesis);
        }
    }
    Ok(findings)
}

struct Check<'a> {
    store: &'a Store,
    findings: &'a mut Vec<Finding>,
    progress: Progress<'a>,
}

impl Check<'_> {
    fn run(&mut self, genesis: &[u8]) {
        let Ok(Some(record)) = self.store.chain().genesis() else { return };
        self.expect("genesis", *blake3::hash(genesis).as_bytes() == record.content_hash, || {
            "it is not the one that was imported".into()
        });
        let ledger = Ledger::new(genesis);
        let Ok(mut ledger) = ledger else {
            self.expect("genesis", false, || "it is no genesis".into());
            return;
        };
        let (Ok(head), Ok(tree_head)) = (self.store.chain().head(), self.store.tree().head()) else { return };
        let mut root = record.root;
        for number in 0..=head {
            if number > 0 {
                (self.progress)("blocks", number.into(), head.into());
                match self.block(number, &mut ledger) {
                    Some(after) => root = after,
                    // The state beyond it is not known.
                    None => return,
                }
            }
            if number == tree_head {
                let progress = |done, of| (self.progress)("accounts of the tree", done, of);
                self.findings.extend(shorten(tree_check::check(self.store, &ledger, root, &progress)));
            }
        }
        self.accounts(&ledger);
        self.proofs();
    }

    /// The root after the block; `None` when it cannot be read.
    fn block(&mut self, number: u32, ledger: &mut Ledger<'_>) -> Option<[u8; 32]> {
        let record = self.store.chain().block(number).ok()??;
        let body = self.store.chain().block_body(number).ok()??;
        let place = BlobLabel::block(BlobKind::Block, number).to_string();
        let Ok(imported) = serde_json::from_slice::<ImportedBlock>(&body) else {
            self.expect(&place, false, || "its body is no block".into());
            return None;
        };
        let block = &imported.block;
        let same = *blake3::hash(&body).as_bytes() == record.content_hash
            && block.block_number.0 == number
            && fr::to_bytes(&block.new_root_hash) == record.root
            && block.block_commitment.0 == record.commitment;
        self.expect(&place, same, || "its record does not agree with its body".into());
        if ledger.apply(&imported.accounts_updated).is_err() {
            self.expect(&place, false, || "its account updates cannot be applied".into());
            return None;
        }
        Some(record.root)
    }

    /// The table of accounts against the state after the last block.
    fn accounts(&mut self, ledger: &Ledger<'_>) {
        let ids = ledger.ids();
        let (mut findings, mut entries) = (Vec::new(), 0);
        for (done, &id) in ids.iter().enumerate() {
            if done % 1024 == 0 {
                (self.progress)("accounts", done as u64, ids.len() as u64);
            }
            let Ok(expected) = ledger.account(id) else { continue };
            let found = (|| {
                let balances = self.store.chain().balances(id, 0, usize::MAX)?.into_iter().collect();
                Ok::<_, StoreError>(Held { state: self.store.chain().account(id)?, balances })
            })();
            entries += u64::from(expected.state.is_some()) + expected.balances.len() as u64;
            // One that cannot be read was found already.
            if found.is_ok_and(|found| found != expected) {
                let place = format!("account {id}");
                findings
                    .push(Finding::inconsistency(place, "the state is not what genesis and blocks lead to"));
            }
        }
        if self.store.chain().count_accounts().is_ok_and(|stored| stored > entries) {
            let what = "there are accounts or balances that neither genesis nor a block made";
            findings.push(Finding::inconsistency("table `accounts`", what));
        }
        self.findings.extend(shorten(findings));
    }

    /// Each stored proof against the commitments of its blocks.
    fn proofs(&mut self) {
        let mut findings = Vec::new();
        for job_type in [JobType::Single, JobType::Aggregated] {
            let mut after = None;
            while let Ok(page) = self.store.queue().proofs(job_type, after, PAGE) {
                let Some(last) = page.last() else { break };
                after = Some((last.first, last.last));
                findings.extend(page.iter().filter_map(|proof| self.proof(job_type, proof)));
            }
        }
        self.findings.extend(shorten(findings));
    }

    fn proof(&self, job_type: JobType, proof: &ProofRecord) -> Option<Finding> {
        let (first, last) = (proof.first, proof.last);
        // One that cannot be read was found already.
        let json = self.store.read_blob(&proof.body).ok()?;
        let good = match job_type {
            JobType::Single => serde_json::from_slice::<SingleProof>(&json)
                .is_ok_and(|proof| proofs::check_single(self.store, first, &proof).is_ok()),
            JobType::Aggregated => serde_json::from_slice::<AggregatedProof>(&json)
                .is_ok_and(|proof| proofs::check_aggregated(self.store, first, last, &proof).is_ok()),
        };
        let finding = Finding::inconsistency(
            format!("proof of the blocks {first} to {last}"),
            "it is no proof of them",
        );
        let repair = "a repair puts it aside, and its job is made again";
        (!good).then(|| finding.meaning("the blocks are not proven", repair))
    }

    fn expect(&mut self, place: &str, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let finding = Finding::inconsistency(place, what());
            self.findings
                .push(finding.meaning("the record or the body is wrong", "a repair imports the body again"));
        }
    }
}

/// The first ones, and how many there are.
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
