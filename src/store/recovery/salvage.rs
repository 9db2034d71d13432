//! The durable records that appear in kv, journal or blob files of a data folder, and every place
//! that may have a copy.

use std::collections::BTreeMap;

use crate::store::durable::blob_header::Header;
use crate::store::durable::blob_label::BlobLabel;
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::journal_record::{Item, Place, Record};
use crate::store::durable::journal_segment::read_frame;
use crate::store::durable_kinds::{self, DurableKind, DurableRecord};
use crate::store::error::{StoreError, unless_damaged};
use crate::store::kv::table::Table;
use crate::store::queue::rejected::{RejectedProof, RejectedRow};
use crate::store::recovery::inspect::Inspection;
use crate::store::store::Store;

/// A place that may have a copy of an item.
#[derive(Clone, Debug)]
enum Copy {
    Blob(BlobRef),
    Journal(Place, Header),
    /// No place: the record of the journal has damaged content.
    Lost,
}

/// One version of a durable record, with its copies.
#[derive(Clone, Debug)]
pub struct Source {
    label: BlobLabel,
    copies: Vec<Copy>,
    published: Published,
}

/// The prover, if known, and the time in milliseconds since 1970; `None` if the kv lost both.
pub(crate) type Published = Option<(Option<String>, u64)>;

impl Source {
    /// Returns kind and blocks.
    pub fn label(&self) -> BlobLabel {
        self.label
    }

    /// Returns the prover and the time of a proof, which only the kv has.
    pub fn published(&self) -> Published {
        self.published.clone()
    }
}

/// Everything that a repair may be able to store again.
#[derive(Debug)]
pub struct Salvage<'a> {
    inspection: &'a Inspection,
    /// Versions of each record, the most likely one first.
    items: BTreeMap<BlobLabel, Vec<(Item, Source)>>,
    /// Readable rejected proofs, the oldest first.
    pub rejected: Vec<RejectedProof>,
}

impl Inspection {
    /// Finds every durable record.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn salvage(&self) -> Result<Salvage<'_>, StoreError> {
        let journal = self.journal()?;
        let sound = journal.is_sound();
        let mut salvage = Salvage { inspection: self, items: BTreeMap::new(), rejected: Vec::new() };
        let mut stored = Vec::new();
        if let Some(store) = self.store() {
            let kv = &*store.core().kv;
            stored = durable_kinds::walk_all(kv).filter_map(Result::ok).collect();
            salvage.rejected = rejected(store)?;
            self.system_error()?;
        }
        // A sound journal has every revert, even if the kv has lost it.
        stored.retain(|record| !sound || !journal.replay.gone.contains(&record.item()));
        let records = journal.replay.items.iter();
        if sound {
            records.for_each(|(item, record)| salvage.add(*item, of_journal(record), None));
            stored.into_iter().for_each(|record| salvage.add_stored(record));
        } else {
            stored.into_iter().for_each(|record| salvage.add_stored(record));
            records.for_each(|(item, record)| salvage.add(*item, of_journal(record), None));
            // If the journal is sound, a blob file in neither kv nor journal was never
            // acknowledged, or it was reverted.
            self.of_files(&mut salvage)?;
        }
        Ok(salvage)
    }

    fn of_files(&self, salvage: &mut Salvage<'_>) -> Result<(), StoreError> {
        let Some(blobs) = &self.blobs else { return Ok(()) };
        let mut names = blobs.names().map_err(StoreError::io("listing the blob files"))?;
        // If two files have the same block, the later one counts.
        names.reverse();
        for (name, path) in names {
            if let Some((label, blob)) = unless_damaged(blobs.file_ref(&name, &path))?
                && DurableKind::of_blob(label.kind).is_some()
            {
                salvage.add(Item { label, hash: blob.frame_hash() }, Copy::Blob(blob), None);
            }
        }
        Ok(())
    }
}

impl Salvage<'_> {
    fn add(&mut self, item: Item, copy: Copy, published: Published) {
        let versions = self.items.entry(item.label).or_default();
        match versions.iter_mut().find(|(known, _)| *known == item) {
            Some((_, source)) => {
                source.copies.push(copy);
                source.published = source.published.take().or(published);
            }
            None => versions.push((item, Source { label: item.label, copies: vec![copy], published })),
        }
    }

    fn add_stored(&mut self, record: DurableRecord) {
        let published = Some((record.prover.clone(), record.stored_at_ms));
        self.add(record.item(), Copy::Blob(record.blob), published);
    }

    /// Returns true if no record is known.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the records of a kind by their blocks, each with its versions, the most likely one
    /// first.
    pub fn of_kind(&self, kind: DurableKind) -> impl Iterator<Item = (BlobLabel, Vec<&Source>)> {
        let kind = kind.blob();
        let all = BlobLabel { kind, first: 0, last: 0 }..=BlobLabel { kind, first: u32::MAX, last: u32::MAX };
        self.items.range(all).map(|(label, versions)| (*label, versions.iter().map(|(_, s)| s).collect()))
    }

    /// Returns the content, from the first copy that is not damaged.
    ///
    /// # Errors
    /// The damage of the last copy, or the first error that is not damage.
    pub fn read(&self, source: &Source) -> Result<Vec<u8>, StoreError> {
        let mut damage = StoreError::corrupt("no copy is left");
        for copy in &source.copies {
            match self.read_copy(copy) {
                Err(error) if error.is_damage() => damage = error,
                outcome => return outcome,
            }
        }
        Err(damage)
    }

    fn read_copy(&self, copy: &Copy) -> Result<Vec<u8>, StoreError> {
        match copy {
            Copy::Blob(BlobRef::Inline { frame, raw_len }) => {
                BlobReader::inline(frame.clone(), *raw_len).bytes()
            }
            Copy::Blob(blob) => match &self.inspection.blobs {
                Some(blobs) => blobs.salvage(blob),
                None => Err(StoreError::corrupt("the blob files are missing")),
            },
            Copy::Journal(place, header) => {
                let frame = read_frame(&self.inspection.journal_dir(), *place, header);
                let frame = frame.map_err(StoreError::read("its record in the journal"))?;
                BlobReader::inline(frame, header.raw_len).bytes()
            }
            Copy::Lost => Err(StoreError::corrupt("no copy is left")),
        }
    }
}

fn of_journal(record: &Record) -> Copy {
    match record.file_ref() {
        Some(blob) => Copy::Blob(blob),
        None if record.sound => Copy::Journal(record.place, record.header),
        None => Copy::Lost,
    }
}

fn rejected(store: &Store) -> Result<Vec<RejectedProof>, StoreError> {
    let mut readable = Vec::new();
    for (_, row) in store.core().kv.walk(Table::Rejected).rows::<RejectedRow>().filter_map(Result::ok) {
        let RejectedRow { job_id, prover, reason, at_ms, blob } = row;
        if let Some(bytes) = unless_damaged(store.read_blob(&blob))? {
            readable.push(RejectedProof { job_id, prover, reason, at_ms, bytes });
        }
    }
    Ok(readable)
}
