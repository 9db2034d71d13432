//! What of a bundle holds, line by line.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::content::{Before, Bundle, BundledProof, BundledQuarantine};
use super::file::{FORMAT, FileError};
use super::replay::Replayed;
use crate::crypto::{Fr, fr};
use crate::domain::{Block, ImportedBlock, SingleProof, public_input};
use crate::tree::{AccountTree, PartialTree, TreeView};
use crate::witness::{self, Cause, Hashed, Plan, SignatureCheck, assemble, check_signatures, plan};
use crate::workers::state::Updated;

/// One of the questions that a check answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The file is what was written.
    File,
    /// The block can be read and is the one that is named.
    Block,
    /// The root before the block follows from leaves and paths.
    RootBefore,
    /// The signatures give the outcomes that are stored.
    Signatures,
    /// The operations fit the state.
    Operations,
    /// The account updates do what the operations do.
    AccountUpdates,
    /// The root after the block is the one that it claims.
    RootAfter,
    /// So is its commitment.
    Commitment,
    /// The witness is byte for byte the one that is computed.
    Witness,
    /// The proof has the right form and the right public input.
    Proof,
    /// The reason of the quarantine comes out again.
    Quarantine,
}

impl Check {
    const ALL: [Check; 11] = [
        Check::File,
        Check::Block,
        Check::RootBefore,
        Check::Signatures,
        Check::Operations,
        Check::AccountUpdates,
        Check::RootAfter,
        Check::Commitment,
        Check::Witness,
        Check::Proof,
        Check::Quarantine,
    ];
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Block => "block",
            Self::RootBefore => "root before",
            Self::Signatures => "signatures",
            Self::Operations => "operations",
            Self::AccountUpdates => "account updates",
            Self::RootAfter => "root after",
            Self::Commitment => "commitment",
            Self::Witness => "witness",
            Self::Proof => "proof",
            Self::Quarantine => "quarantine",
        })
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// The bundle holds nothing of this.
    Absent,
    /// It could not be asked, because something before it fails.
    NotChecked,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "FAILS",
            Self::Absent => "absent",
            Self::NotChecked => "not checked",
        })
    }
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The question.
    pub check: Check,
    /// The answer.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16} {:<12} {}", self.check, self.outcome, self.detail)
    }
}

/// All questions with their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing fails.
    pub holds: bool,
    /// Number of the block, if the file could be read.
    pub block: Option<u32>,
    /// Each question once, in the order of [`Check`].
    pub lines: Vec<Line>,
}

impl Report {
    /// The first line that fails.
    pub fn finding(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.outcome == Outcome::Fails)
    }
}

/// Replays a bundle. It needs nothing but these bytes.
///
/// # Errors
/// [`FileError::LaterFormat`]: the bundle may hold, another program has to say. Everything else is in the report.
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
                self.add(check, Outcome::NotChecked, "something above fails");
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
            self.fails(Check::Block, format!("it is block {number}, the bundle says {}", bundle.block));
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
        match plan(block, &signatures, &Replayed(&tree)) {
            Ok(plan) => {
                let operations = plan.operations.len();
                self.holds(Check::Operations, format!("{operations} operations fit the state before"));
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
            self.holds(Check::Signatures, format!("{valid} valid, {invalid} not valid, as they were stored"));
        } else {
            let words = format!("outcomes are {computed}, stored are {stored}");
            self.fails(Check::Signatures, words);
        }
        signatures
    }

    fn root_before(&mut self, before: &Before) -> Option<Arc<PartialTree>> {
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
        let before = Replayed(tree);
        let updated =
            Updated::apply(&before, &imported.accounts_updated).and_then(|mut updated| updated.compare(plan));
        match updated {
            Ok(()) => {
                let updates = imported.accounts_updated.len();
                self.holds(Check::AccountUpdates, format!("{updates} updates do what the operations do"));
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
        // Said as not checked in the end.
        let Some(hashed) = hashed else { return };
        let stored = stored.get().as_bytes();
        let mut compared = Compared { stored, equal: 0 };
        let written = hashed.write_json(block, &mut compared);
        let equal = compared.equal;
        if written.is_ok() && equal == stored.len() {
            self.holds(Check::Witness, format!("{equal} bytes, equal to those computed here"));
        } else {
            let bytes = stored.len();
            self.fails(Check::Witness, format!("byte {equal} of {bytes} differs from the one computed here"));
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
                let by = prover.as_deref().map(|prover| format!(", by {prover}")).unwrap_or_default();
                self.holds(Check::Proof, format!("form and public input{by}; not verified"));
            }
            Ok(input) => {
                let found = input.map_or_else(|| "none".to_owned(), |input| fr::to_hex(&input));
                let expected = fr::to_hex(&expected);
                self.fails(Check::Proof, format!("public input {found}, the block's is {expected}"));
            }
            Err(error) => self.fails(Check::Proof, error),
        }
    }

    fn quarantine(&mut self, quarantine: Option<&BundledQuarantine>) {
        let Some(BundledQuarantine { reason, .. }) = quarantine else {
            self.add(Check::Quarantine, Outcome::Absent, "the block was not quarantined");
            return;
        };
        let again = self.0.iter().any(|line| line.outcome == Outcome::Fails && line.detail.contains(reason));
        if again && !reason.is_empty() {
            self.holds(Check::Quarantine, "the recorded reason comes out again");
        } else {
            self.fails(Check::Quarantine, format!("recorded, and not found here: {reason}"));
        }
    }
}

/// Compares what is written with what is expected, as far as they are equal.
struct Compared<'a> {
    stored: &'a [u8],
    equal: usize,
}

impl Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.stored.get(self.equal..).unwrap_or_default();
        let same = bytes.iter().zip(rest).take_while(|(a, b)| a == b).count();
        self.equal += same;
        if same < bytes.len() { Err(io::Error::other("it differs")) } else { Ok(same) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
