//! Check of a bundle: repeats every computation on its block and compares the results.

use std::io::{self, Write};
use std::sync::Arc;

use super::content::{Bundle, BundledProof, StateBefore};
use super::file::{FORMAT, FileError};
use super::replay::ReplayedState;
use super::report::{Check, Line, Outcome, Report};
use crate::crypto::{Fr, fr};
use crate::domain::{Block, ImportedBlock, Quarantine, SingleProof, public_input};
use crate::tree::{AccountTree, PartialTree, TreeView};
use crate::witness::{self, Cause, Hashed, Plan, SignatureCheck, assemble, check_signatures, plan};
use crate::workers::UpdatedAccounts;

/// Replays a bundle from the bytes of its file.
///
/// # Errors
/// [`FileError::LaterFormat`]: only a later version can check the bundle. Any other fault is in the
/// report.
pub fn check(file: &[u8]) -> Result<Report, FileError> {
    let mut lines = Lines(Vec::new());
    let bundle = match Bundle::of_file(file) {
        Ok(bundle) => bundle,
        Err(error @ FileError::LaterFormat { .. }) => return Err(error),
        Err(error) => {
            lines.fails(Check::File, error);
            return Ok(lines.report(None));
        }
    };
    let Bundle { program, platform, engine, .. } = &bundle;
    let origin = format!("format {FORMAT}, {} bytes, by {program} on {platform} ({engine})", file.len());
    lines.holds(Check::File, origin);
    if let Some(imported) = lines.block(&bundle) {
        lines.replay(&bundle, &imported);
        lines.proof(bundle.proof.as_ref(), &imported.block);
    }
    lines.quarantine(bundle.quarantine.as_ref());
    Ok(lines.report(Some(bundle.block)))
}

struct Lines(Vec<Line>);

impl Lines {
    fn add(&mut self, check: Check, outcome: Outcome, detail: impl ToString) {
        self.0.push(Line { check, outcome, detail: detail.to_string() });
    }

    fn holds(&mut self, check: Check, detail: impl ToString) {
        self.add(check, Outcome::Holds, detail);
    }

    fn fails(&mut self, check: Check, detail: impl ToString) {
        self.add(check, Outcome::Fails, detail);
    }

    fn report(mut self, block: Option<u32>) -> Report {
        for check in Check::ALL {
            if !self.0.iter().any(|line| line.check == check) {
                self.add(check, Outcome::NotChecked, "an earlier check failed");
            }
        }
        self.0.sort_by_key(|line| line.check as u8);
        Report { holds: self.0.iter().all(|line| line.outcome != Outcome::Fails), block, lines: self.0 }
    }

    fn block(&mut self, bundle: &Bundle) -> Option<ImportedBlock> {
        let imported: ImportedBlock = match serde_json::from_str(bundle.imported.get()) {
            Ok(imported) => imported,
            Err(error) => {
                self.fails(Check::Block, error);
                return None;
            }
        };
        let block = &imported.block;
        let number = block.block_number.0;
        if number != bundle.block {
            self.fails(
                Check::Block,
                format!("the block has number {number}, the bundle says {}", bundle.block),
            );
            return None;
        }
        let (transactions, chunks) = (block.block_transactions.len(), block.block_chunks_size);
        let detail = format!(
            "block {number}, {transactions} transactions, {chunks} chunks, {} account updates",
            imported.accounts_updated.len()
        );
        self.holds(Check::Block, detail);
        Some(imported)
    }

    fn replay(&mut self, bundle: &Bundle, imported: &ImportedBlock) {
        let block = &imported.block;
        let signatures = self.signatures(&bundle.signature_outcomes, block);
        let Some(tree) = self.root_before(&bundle.before) else { return };
        match plan(block, &signatures, &ReplayedState(&tree)) {
            Ok(plan) => {
                let operations = plan.operations.len();
                self.holds(
                    Check::Operations,
                    format!("{operations} operations fit the state before the block"),
                );
                self.account_updates(&tree, imported, &plan);
                let hashed = self.root_after(&tree, block, plan);
                self.witness(bundle, block, hashed.as_ref());
            }
            Err(error) => {
                self.fails(Check::Operations, error);
                self.commitment(block, &tree.root());
            }
        }
    }

    fn signatures(&mut self, stored: &str, block: &Block) -> Vec<SignatureCheck> {
        let signatures = check_signatures(block);
        let count = |outcome| signatures.iter().filter(|found| **found == outcome).count();
        let computed = hex::encode(signatures.iter().map(|outcome| *outcome as u8).collect::<Vec<_>>());
        if computed == stored {
            let valid = count(SignatureCheck::Legacy) + count(SignatureCheck::V1);
            let invalid = count(SignatureCheck::Invalid);
            self.holds(
                Check::Signatures,
                format!("{valid} valid, {invalid} invalid, equal to the stored outcomes"),
            );
        } else {
            self.fails(Check::Signatures, format!("outcomes are {computed}, stored are {stored}"));
        }
        signatures
    }

    fn root_before(&mut self, before: &StateBefore) -> Option<Arc<PartialTree>> {
        let tree = before.multiproof().and_then(|proof| PartialTree::new(proof).map_err(|e| e.to_string()));
        let tree = match tree {
            Ok(tree) => tree,
            Err(error) => {
                self.fails(Check::RootBefore, error);
                return None;
            }
        };
        if tree.root() != before.root {
            let computed = fr::to_hex(&tree.root());
            self.fails(Check::RootBefore, format!("the paths lead to {computed}, the bundle says {before}"));
            return None;
        }
        let proof = tree.multiproof();
        let (accounts, balances, nodes) = (proof.accounts.len(), proof.balances.len(), proof.nodes.len());
        let detail =
            format!("{before} follows from {accounts} accounts, {balances} balances and {nodes} nodes");
        self.holds(Check::RootBefore, detail);
        Some(Arc::new(tree))
    }

    fn account_updates(&mut self, tree: &PartialTree, imported: &ImportedBlock, plan: &Plan) {
        let before = ReplayedState(tree);
        let updated = UpdatedAccounts::apply(&before, &imported.accounts_updated)
            .and_then(|mut updated| updated.compare(plan));
        match updated {
            Ok(()) => {
                let updates = imported.accounts_updated.len();
                self.holds(
                    Check::AccountUpdates,
                    format!("{updates} updates lead to the same state as the operations"),
                );
            }
            Err(error) => self.fails(Check::AccountUpdates, error),
        }
    }

    fn root_after(&mut self, tree: &Arc<PartialTree>, block: &Block, plan: Plan) -> Option<Hashed> {
        let root = tree.root();
        let view = TreeView::new(tree.clone());
        let hashed = match AccountTree::open(&view) {
            Ok(tree) => witness::hash(block, plan, &tree).map_err(|error| error.cause),
            Err(error) => Err(Cause::from(error)),
        };
        let after = fr::to_hex(&block.new_root_hash);
        match hashed {
            Ok(hashed) => {
                self.holds(Check::RootAfter, after);
                self.commitment(block, &root);
                Some(hashed)
            }
            Err(Cause::Commitment { .. }) => {
                self.holds(Check::RootAfter, after);
                self.commitment(block, &root);
                None
            }
            Err(cause) => {
                self.fails(Check::RootAfter, cause);
                self.commitment(block, &root);
                None
            }
        }
    }

    fn commitment(&mut self, block: &Block, root_before: &Fr) {
        match assemble::check_commitment(block, root_before) {
            Ok(_) => self.holds(Check::Commitment, hex::encode(block.block_commitment.0)),
            Err(cause) => self.fails(Check::Commitment, cause),
        }
    }

    fn witness(&mut self, bundle: &Bundle, block: &Block, hashed: Option<&Hashed>) {
        let Some(stored) = &bundle.witness else {
            self.add(Check::Witness, Outcome::Absent, "the block had no witness");
            return;
        };
        // The report adds the line as not checked.
        let Some(hashed) = hashed else { return };
        let stored = stored.get().as_bytes();
        let mut compared = Compared { stored, equal: 0 };
        let written = hashed.write_json(block, &mut compared);
        let equal = compared.equal;
        if written.is_ok() && equal == stored.len() {
            self.holds(Check::Witness, format!("{equal} bytes, equal to the computed witness"));
        } else {
            let bytes = stored.len();
            self.fails(Check::Witness, format!("byte {equal} of {bytes} differs from the computed witness"));
        }
    }

    fn proof(&mut self, proof: Option<&BundledProof>, block: &Block) {
        let Some(BundledProof { proof, prover, .. }) = proof else {
            self.add(Check::Proof, Outcome::Absent, "the block had no proof");
            return;
        };
        let inputs = serde_json::from_str::<SingleProof>(proof.get())
            .map_err(|error| error.to_string())
            .and_then(|proof| proof.validate().map_err(|error| error.to_string()));
        let expected = public_input(&block.block_commitment);
        match inputs.map(|parts| parts.inputs.first().copied()) {
            Ok(Some(input)) if input == expected => {
                let by =
                    prover.as_deref().map(|prover| format!(", published by {prover}")).unwrap_or_default();
                self.holds(
                    Check::Proof,
                    format!(
                        "well-formed, with the public input of the block{by}; not verified against a key"
                    ),
                );
            }
            Ok(input) => {
                let found = input.map_or_else(|| "none".to_owned(), |input| fr::to_hex(&input));
                let expected = fr::to_hex(&expected);
                self.fails(
                    Check::Proof,
                    format!("the public input is {found}, that of the block is {expected}"),
                );
            }
            Err(error) => self.fails(Check::Proof, error),
        }
    }

    fn quarantine(&mut self, quarantine: Option<&Quarantine>) {
        let Some(Quarantine { reason, .. }) = quarantine else {
            self.add(Check::Quarantine, Outcome::Absent, "the block was not quarantined");
            return;
        };
        let reproduced =
            self.0.iter().any(|line| line.outcome == Outcome::Fails && line.detail.contains(reason));
        if reproduced && !reason.is_empty() {
            self.holds(Check::Quarantine, "the replay fails for the recorded reason");
        } else {
            self.fails(
                Check::Quarantine,
                format!("the replay does not fail for the recorded reason: {reason}"),
            );
        }
    }
}

/// A writer that compares its input with the stored bytes, up to the first difference.
struct Compared<'a> {
    stored: &'a [u8],
    /// Length of the equal part, in bytes.
    equal: usize,
}

impl Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.stored.get(self.equal..).unwrap_or_default();
        let same = bytes.iter().zip(rest).take_while(|(a, b)| a == b).count();
        self.equal += same;
        if same < bytes.len() { Err(io::Error::other("the bytes differ")) } else { Ok(same) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
