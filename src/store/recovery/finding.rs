//! The findings of a check of a data folder.

use std::fmt;

use serde::Serialize;

use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable_kinds::DurableKind;
use crate::store::kv::pager::Unreadable;
use crate::store::kv::table::Table;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Harmless: an interrupted run left it behind, or another program wrote it.
    LeftOver,
    /// Readable data that contradicts other data.
    Inconsistency,
    /// Stored data that cannot be read any more.
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

/// A fault of a data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The place: a table with a key, a file, or an item such as `block 5`.
    pub place: String,
    /// The fault, as a clause.
    pub what: String,
    /// The consequence, as a clause.
    pub means: &'static str,
    /// The action of a repair, as a clause.
    pub repair: &'static str,
}

const DERIVED: (&str, &str) =
    ("it can be derived from genesis, blocks and proofs", "a repair or the next start derives it again");
const DURABLE: (&str, &str) = (
    "it cannot be derived from other data",
    "a repair takes a second copy from the journal or the blob files, if one exists",
);

impl Finding {
    /// Returns a finding about data that cannot be read.
    pub(crate) fn damage(place: impl Into<String>, what: impl fmt::Display) -> Self {
        let (means, repair) = DURABLE;
        Self { severity: Severity::Damage, place: place.into(), what: what.to_string(), means, repair }
    }

    /// Returns a finding about data that contradicts other data.
    pub fn inconsistency(place: impl Into<String>, what: impl fmt::Display) -> Self {
        let (means, repair) = DERIVED;
        Self { severity: Severity::Inconsistency, place: place.into(), what: what.to_string(), means, repair }
    }

    /// Returns a finding about something without an owner.
    pub(crate) fn left_over(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self {
            severity: Severity::LeftOver,
            place: place.into(),
            what: what.to_string(),
            means: "nothing refers to it",
            repair: "the next start removes it",
        }
    }

    /// Replaces the consequence and the repair.
    pub fn meaning(self, means: &'static str, repair: &'static str) -> Self {
        Self { means, repair, ..self }
    }

    /// Replaces consequence and repair by those of derived data.
    pub(crate) fn derived(self) -> Self {
        self.meaning(DERIVED.0, DERIVED.1)
    }

    /// Returns a finding about something that this program did not write.
    pub(crate) fn foreign(place: String) -> Self {
        Self::left_over(place, "its name is not one of this program").meaning("it is not read", "it stays")
    }

    /// Returns a finding about an entry of the kv that cannot be read.
    pub(crate) fn entry(table: Table, key: &[u8], what: impl fmt::Display) -> Self {
        let finding = Self::damage(format!("table `{}`, key {}", table.name(), hex::encode(key)), what);
        let durable = DurableKind::ALL.iter().any(|kind| kind.table() == table);
        let inspected = matches!(table, Table::Rejected | Table::Attempts | Table::Provers);
        finding.of_owner(durable, inspected)
    }

    /// Returns a finding about an item of a walk that cannot be read.
    pub(crate) fn unreadable(unreadable: &Unreadable) -> Self {
        Self::entry(unreadable.table, &unreadable.key, unreadable.error.fault())
    }

    /// Returns a finding about a blob that cannot be read.
    pub(crate) fn blob(label: BlobLabel, what: impl fmt::Display) -> Self {
        let durable = DurableKind::of_blob(label.kind).is_some();
        Self::damage(label.to_string(), what).of_owner(durable, label.kind == BlobKind::RejectedProof)
    }

    fn of_owner(self, durable: bool, inspected: bool) -> Self {
        match (durable, inspected) {
            (true, _) => self,
            (_, true) => self.meaning("it was kept for inspection only", "a repair leaves it out"),
            _ => self.derived(),
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
        let Finding { severity, place, what, .. } = &finding;
        assert_eq!(
            (*severity, place.as_str(), what.as_str()),
            (Severity::Damage, "table `blocks`, key 00000007", "it fails its checksum")
        );
        assert!(
            finding.to_string().starts_with("damage: table `blocks`, key 00000007: it fails its checksum; ")
        );
        let json = serde_json::to_value(Finding::entry(Table::JobIndex, &[1], "x")).unwrap();
        assert_eq!((&json["severity"], &json["means"]), (&"damage".into(), &DERIVED.0.into()));
    }
}
