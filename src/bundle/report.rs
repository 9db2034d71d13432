//! The report of a check of a bundle: one line for each check.

use std::fmt;

use serde::Serialize;

/// One check of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The file is undamaged.
    File,
    /// The block can be parsed and has the number that the bundle names.
    Block,
    /// The root before the block follows from the leaves and paths.
    RootBefore,
    /// The signature checks have the stored outcomes.
    Signatures,
    /// The operations fit the state before the block.
    Operations,
    /// The account updates lead to the same state as the operations.
    AccountUpdates,
    /// The root after the block is the one that the block claims.
    RootAfter,
    /// The commitment is the one that the block claims.
    Commitment,
    /// The stored witness equals the computed one byte for byte.
    Witness,
    /// The proof is well-formed and has the public input of the block.
    Proof,
    /// The replay fails for the recorded reason of the quarantine.
    Quarantine,
}

impl Check {
    /// All checks, in the order of the report.
    pub(super) const ALL: [Check; 11] = [
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

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The check succeeded.
    Holds,
    /// The check failed.
    Fails,
    /// The bundle does not contain the item to check.
    Absent,
    /// The check was not possible, because an earlier one failed.
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

/// A check with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The check.
    pub check: Check,
    /// Its outcome.
    pub outcome: Outcome,
    /// The values that were compared, or the error.
    pub detail: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16} {:<12} {}", self.check, self.outcome, self.detail)
    }
}

/// All checks with their outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True if no check failed.
    pub holds: bool,
    /// Number of the block, if the file could be read.
    pub block: Option<u32>,
    /// Each check once, in the order of [`Check`].
    pub lines: Vec<Line>,
}

impl Report {
    /// Returns the first line that failed.
    pub fn finding(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.outcome == Outcome::Fails)
    }
}
