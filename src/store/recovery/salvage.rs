//! What can still be read of a data folder: every genesis, block, aggregated operation and proof that the index, the journal or the body
//! files know of, with each place where a copy of it may be.

use std::collections::BTreeMap;

use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::chain::blocks::BlockRow;
use crate::store::durable::blob_header::Header;
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blobs::{BlobKind, BlobLabel, BlobRef};
use crate::store::durable::journal_scan::{Entry, Item, Place, read_frame};
use crate::store::error::StoreError;
use crate::store::kv::batch::Table;
use crate::store::kv::codec;
use crate::store::kv::scan::Scan;
use crate::store::queue::proofs::ProofRow;
use crate::store::queue::rejected::RejectedProof;
use crate::store::queue::rejected::RejectedRow;
use crate::store::recovery::check::is_kept;
use crate::store::recovery::inspect::Inspection;
use crate::store::store::Store;

/// A copy of an item: where it was found and how it is read.
#[derive(Clone, Debug)]
enum Copy {
    Body(BlobRef),
    Journal(Place, Header),
    /// Known of, and gone.
    None,
}

/// One version of an item, with its copies.
#[derive(Clone, Debug)]
pub struct Source {
    label: BlobLabel,
    copies: Vec<Copy>,
    published: Published,
}

/// Of a proof, by whom and when, as far as it is known.
pub type Published = Option<(Option<String>, u64)>;

impl Source {
    /// What it is.
    pub fn label(&self) -> BlobLabel {
        self.label
    }

    /// Who published the proof, and when, in milliseconds since 1970. Only the index knows.
    pub fn published(&self) -> Published {
        self.published.clone()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Salvage<'a> {
    inspection: &'a Inspection,
    /// Versions of each item, the likeliest first.
    items: BTreeMap<BlobLabel, Vec<(Item, Source)>>,
    /// Readable rejected proofs, the oldest first.
    pub rejected: Vec<RejectedProof>,
}

impl Inspection {
    /// Looks for everything that cannot be made again.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn salvage(&self) -> Result<Salvage<'_>, StoreError> {
        let journal = self.journal()?;
        let sound = journal.present && journal.damage.is_empty();
        let mut salvage = Salvage { inspection: self, items: BTreeMap::new(), rejected: Vec::new() };
        let mut indexed = Vec::new();
        if let Some(store) = self.store() {
            indexed = of_index(store);
            salvage.rejected = rejected(store);
        }
        // The journal knows what was reverted, also when the index has lost it.
        let index_has =
            |(item, _, _): &(Item, BlobRef, Published)| !sound || !journal.replay.gone.contains(item);
        let indexed = indexed.into_iter().filter(index_has);
        let entries = journal.replay.items.iter();
        if sound {
            entries.for_each(|(item, entry)| salvage.add(*item, of_journal(entry), None));
            indexed.for_each(|(item, body, by)| salvage.add(item, Copy::Body(body), by));
        } else {
            indexed.for_each(|(item, body, by)| salvage.add(item, Copy::Body(body), by));
            entries.for_each(|(item, entry)| salvage.add(*item, of_journal(entry), None));
            // With a whole journal, a body file that neither knows was never acknowledged, or reverted.
            self.of_files(&mut salvage)?;
        }
        Ok(salvage)
    }

    fn of_files(&self, salvage: &mut Salvage<'_>) -> Result<(), StoreError> {
        let Some(blobs) = &self.blobs else { return Ok(()) };
        let mut names = blobs.names().map_err(StoreError::io("listing the body files"))?;
        // Of two files for one block the later one counts.
        names.reverse();
        for (name, path) in names {
            if let Ok((label, body)) = blobs.file_ref(&name, &path)
                && is_kept(label.kind)
            {
                salvage.add(Item { label, hash: body.frame_hash() }, Copy::Body(body), None);
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

    /// Whether nothing is known to have been there.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Every item of a kind by its blocks, each with its versions, the likeliest first.
    pub fn of_kind(&self, kind: BlobKind) -> impl Iterator<Item = (BlobLabel, Vec<&Source>)> {
        let all = BlobLabel { kind, first: 0, last: 0 }..=BlobLabel { kind, first: u32::MAX, last: u32::MAX };
        self.items.range(all).map(|(label, versions)| (*label, versions.iter().map(|(_, s)| s).collect()))
    }

    /// The body, from the first copy that can be read.
    ///
    /// # Errors
    /// Why the last one cannot.
    pub fn read(&self, source: &Source) -> Result<Vec<u8>, StoreError> {
        let mut outcome = Err(StoreError::corrupt("no copy is left"));
        for copy in &source.copies {
            outcome = self.read_copy(copy);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn read_copy(&self, copy: &Copy) -> Result<Vec<u8>, StoreError> {
        match copy {
            Copy::Body(BlobRef::Inline { frame, raw_len }) => {
                BlobReader::inline(frame.clone(), *raw_len).bytes()
            }
            Copy::Body(body) => match &self.inspection.blobs {
                Some(blobs) => blobs.salvage(body),
                None => Err(StoreError::corrupt("the body files are gone")),
            },
            Copy::Journal(place, header) => {
                let frame = read_frame(&self.inspection.journal_dir(), *place, header);
                let lost = |_| StoreError::corrupt("its entry in the journal cannot be read");
                BlobReader::inline(frame.map_err(lost)?, header.raw_len).bytes()
            }
            Copy::None => Err(StoreError::corrupt("no copy is left")),
        }
    }
}

fn of_journal(entry: &Entry) -> Copy {
    match entry.file_ref() {
        Some(body) => Copy::Body(body),
        None if entry.sound => Copy::Journal(entry.place, entry.header),
        None => Copy::None,
    }
}

/// What the readable records of the index refer to.
fn of_index(store: &Store) -> Vec<(Item, BlobRef, Published)> {
    let mut found = Vec::new();
    let mut put = |label, body: BlobRef, by| found.push((Item { label, hash: body.frame_hash() }, body, by));
    let mut add = |label, body| put(label, body, None);
    if let Ok(Some(body)) = store.chain().genesis_body_ref() {
        add(BlobLabel::block(BlobKind::Genesis, 0), body);
    }
    for row in rows::<BlockRow>(store, Table::Blocks) {
        add(BlobLabel::block(BlobKind::Block, row.number), row.body);
    }
    for row in rows::<AggregatedOperationRecord>(store, Table::AggregatedOperations) {
        add(BlobLabel::range(BlobKind::AggregatedOperation, row.first, row.last), row.body);
    }
    for (table, kind) in
        [(Table::Proofs, BlobKind::SingleProof), (Table::AggregatedProofs, BlobKind::AggregatedProof)]
    {
        for row in rows::<ProofRow>(store, table) {
            let label = BlobLabel::range(kind, row.first, row.last);
            put(label, row.body, Some((row.prover, row.stored_at_ms)));
        }
    }
    found
}

fn rejected(store: &Store) -> Vec<RejectedProof> {
    let read = |row: RejectedRow| {
        let RejectedRow { job_id, prover, reason, at_ms, body } = row;
        Some(RejectedProof { job_id, prover, reason, at_ms, body: store.read_blob(&body).ok()? })
    };
    rows(store, Table::Rejected).into_iter().filter_map(read).collect()
}

/// The readable records of a table.
fn rows<T: serde::de::DeserializeOwned>(store: &Store, table: Table) -> Vec<T> {
    let mut scan = Scan::new(&store.core().kv, table);
    let mut rows = Vec::new();
    while let Some(page) = scan.next_page() {
        rows.extend(page.iter().filter_map(|(_, row)| codec::from_body_bytes("it", row).ok()));
    }
    rows
}
