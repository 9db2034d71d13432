//! What a check of a data folder finds.

use std::fmt;

use serde::Serialize;

use crate::store::kv::batch::Table;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Of no consequence: an interrupted run left it behind, or it is not of this program.
    LeftOver,
    /// Readable, and does not agree with the rest.
    Inconsistency,
    /// Bytes that were stored cannot be read any more.
    Damage,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::LeftOver => "left over",
            Self::Inconsistency => "inconsistency",
            Self::Damage => "damage",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: a table and key, a file, an item.
    pub place: String,
    /// What is there, as a clause.
    pub what: String,
    /// What follows from it, as a clause.
    pub means: &'static str,
    /// What a repair does about it, as a clause.
    pub repair: &'static str,
}

const DERIVED: (&str, &str) =
    ("it follows from genesis, blocks and proofs", "a repair builds it again, or the next start does");
const KEPT: (&str, &str) = (
    "it cannot be made again",
    "a repair takes a second copy from the journal or the body files, if there is one",
);

impl Finding {
    /// Something unreadable.
    pub(crate) fn damage(place: impl Into<String>, what: impl fmt::Display) -> Self {
        let (means, repair) = KEPT;
        Self { severity: Severity::Damage, place: place.into(), what: what.to_string(), means, repair }
    }

    /// Something that disagrees with the rest.
    pub fn inconsistency(place: impl Into<String>, what: impl fmt::Display) -> Self {
        let (means, repair) = DERIVED;
        Self { severity: Severity::Inconsistency, place: place.into(), what: what.to_string(), means, repair }
    }

    /// Something without an owner.
    pub(crate) fn left_over(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self {
            severity: Severity::LeftOver,
            place: place.into(),
            what: what.to_string(),
            means: "nothing refers to it",
            repair: "the next start removes it",
        }
    }

    /// Other consequences than those of its severity.
    pub fn meaning(self, means: &'static str, repair: &'static str) -> Self {
        Self { means, repair, ..self }
    }

    /// What follows from it can be made again.
    pub(crate) fn derived(self) -> Self {
        self.meaning(DERIVED.0, DERIVED.1)
    }

    /// An unreadable entry of the index.
    pub(crate) fn entry(table: Table, key: &[u8], what: impl fmt::Display) -> Self {
        let finding = Self::damage(format!("table `{}`, key {}", table.name(), hex::encode(key)), what);
        match table {
            Table::Blocks
            | Table::Proofs
            | Table::AggregatedProofs
            | Table::AggregatedOperations
            | Table::Meta => finding,
            Table::Rejected => finding.meaning("it was kept for inspection only", "a repair leaves it out"),
            _ => finding.derived(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, place, what, means, repair } = self;
        write!(f, "{}: {place}: {what}; {means}; {repair}", severity.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_an_object() {
        let finding = Finding::entry(Table::Blocks, &[0, 0, 0, 7], "it fails its checksum");
        assert_eq!(
            finding.to_string(),
            "damage: table `blocks`, key 00000007: it fails its checksum; it cannot be made again; a repair takes a second copy \
             from the journal or the body files, if there is one"
        );
        let json = serde_json::to_value(Finding::entry(Table::JobIndex, &[1], "x")).unwrap();
        assert_eq!((&json["severity"], &json["means"]), (&"damage".into(), &DERIVED.0.into()));
    }
}
