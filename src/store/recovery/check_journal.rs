//! The check of the journal: its damage, and whether kv and journal have the same items.

use std::collections::BTreeSet;
use std::path::Path;

use crate::store::durable::blob_label::BlobLabel;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::journal_reading::Reading;
use crate::store::durable::journal_record::Item;
use crate::store::durable_kinds::DurableKind;
use crate::store::error::StoreError;
use crate::store::recovery::finding::{Finding, Severity};

/// Checks the journal of a data folder against the blobs that records own. `reverted`: a revert to
/// this block is in progress, which the journal may not have yet.
pub(crate) fn check(
    dir: &Path,
    owned: &[(BlobLabel, BlobRef)],
    reverted: Option<u32>,
) -> Result<Vec<Finding>, StoreError> {
    let mut reading = Reading::of(&dir.join("journal"))?;
    let mut findings = damage(&reading);
    if !reading.present {
        return Ok(findings);
    }
    if let Some(to) = reverted {
        reading.replay.revert(to);
    }
    let durable = owned.iter().filter(|(label, _)| DurableKind::of_blob(label.kind).is_some());
    let stored: BTreeSet<Item> =
        durable.map(|(label, blob)| Item { label: *label, hash: blob.frame_hash() }).collect();
    for (item, record) in reading.replay.items.iter().filter(|(item, _)| !stored.contains(item)) {
        let finding = Finding::damage(item.label.to_string(), "the journal has it, the kv does not");
        findings.push(if reading.acknowledged.is_some_and(|place| place <= record.place) {
            Finding { severity: Severity::LeftOver, ..finding }
                .meaning("it was never acknowledged", "the next start withdraws it, a repair stores it")
        } else {
            finding.meaning("the kv has lost it", "a repair takes it from the journal")
        });
    }
    for item in stored.iter().filter(|item| !reading.replay.items.contains_key(item)) {
        let finding = Finding::inconsistency(item.label.to_string(), "the journal lacks it");
        findings.push(finding.meaning("it has one copy instead of two", "a repair writes the journal again"));
    }
    Ok(findings)
}

/// Returns the damage of a journal beside a kv that cannot be read.
pub(crate) fn damage_without_kv(reading: &Reading) -> Vec<Finding> {
    let (mut findings, what) = match reading.present {
        true => (damage(reading), "it may lack acknowledged records"),
        false => (Vec::new(), "it is missing"),
    };
    if !reading.is_sound() {
        let finding = Finding::damage("journal", what);
        let means = "an unknown number of proofs, which only the kv and the journal had, is lost";
        findings.push(finding.meaning(means, "restore a backup, or give them up with a repair"));
    }
    findings
}

/// Returns the damage of a journal.
fn damage(reading: &Reading) -> Vec<Finding> {
    if !reading.present {
        let finding = Finding::left_over("journal", "it is missing");
        return vec![finding.meaning(
            "an older version wrote the folder, or its creation was interrupted",
            "the next start creates it",
        )];
    }
    let damage = |(file, what): &(String, String)| {
        let finding = Finding::damage(format!("journal/{file}"), what);
        finding
            .meaning("the journal is the second copy of what the kv has", "a repair writes the journal again")
    };
    reading.damage.iter().map(damage).collect()
}
