//! The losses of a repair: durable records that the old folder is known to have had, and that have
//! no copy which can be stored again. Everything else must be in the fresh folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::store::{BlobKind, BlobLabel, DurableKind, Salvage, Store, StoreError, unless_damaged};

/// A known record that the fresh folder lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Kind and blocks of the record.
    pub label: BlobLabel,
    /// The reason why no copy can be stored, as a clause.
    pub reason: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost: {}: {}", self.label, self.reason)
    }
}

/// Returns the number of lost records of each kind, such as `2 blocks, 1 proof`, and what may be
/// lost besides.
pub(crate) fn count(lost: &[Lost], is_unknown: bool) -> String {
    let mut kinds: BTreeMap<BlobKind, usize> = BTreeMap::new();
    for lost in lost {
        *kinds.entry(lost.label.kind).or_default() += 1;
    }
    let counted = kinds.into_iter().map(|(kind, number)| {
        let noun = match kind {
            BlobKind::Genesis => "genesis",
            BlobKind::Block => "block",
            BlobKind::SingleProof => "proof",
            BlobKind::AggregatedProof => "aggregated proof",
            BlobKind::AggregatedOperation => "aggregated operation",
            _ => "record",
        };
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    });
    let unknown = is_unknown.then(|| "an unknown number of proofs".to_owned());
    counted.chain(unknown).collect::<Vec<_>>().join(", ")
}

/// Reads a fresh folder back, and compares it with everything that can be read of the old one: for
/// each known record that is not `lost`, it must have the content of one of the copies.
///
/// # Errors
/// [`StoreError::Corrupt`] if a record is missing; also if one cannot be read.
pub(super) fn prove(fresh: &Store, salvage: &Salvage<'_>, lost: &[Lost]) -> Result<(), StoreError> {
    for kind in DurableKind::ALL {
        let mut stored: BTreeMap<BlobLabel, BTreeSet<[u8; 32]>> = BTreeMap::new();
        for record in fresh.records(kind) {
            let record = record?;
            let content = *blake3::hash(&fresh.read_blob(&record.blob)?).as_bytes();
            stored.entry(record.label).or_default().insert(content);
        }
        for (label, versions) in salvage.of_kind(kind) {
            let contents = stored.remove(&label).unwrap_or_default();
            let mut held = 0;
            let mut missing = 0;
            for version in versions {
                if let Some(content) = unless_damaged(salvage.read(version))? {
                    let content = *blake3::hash(&content).as_bytes();
                    *(if contents.contains(&content) { &mut held } else { &mut missing }) += 1;
                }
            }
            // Several operations may be about the same blocks. Of other records, one version is the
            // right one.
            if kind != DurableKind::AggregatedOperation {
                missing = u32::from(held == 0);
            }
            if missing > of_label(lost, label) {
                return Err(StoreError::Corrupt { what: format!("the new folder lacks the {label}") });
            }
        }
    }
    Ok(())
}

fn of_label(lost: &[Lost], label: BlobLabel) -> u32 {
    lost.iter().map(|lost| u32::from(lost.label == label)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_counted_by_kind() {
        let lost = |kind, block| Lost { label: BlobLabel::block(kind, block), reason: "damaged".into() };
        let all = [lost(BlobKind::SingleProof, 1), lost(BlobKind::Block, 2), lost(BlobKind::Block, 3)];
        assert_eq!(count(&all, false), "2 blocks, 1 proof");
        assert_eq!(count(&[], true), "an unknown number of proofs");
        assert_eq!(all[1].to_string(), "lost: block 2: damaged");
    }
}
