//! The journal: a second copy, independent of the kv, of everything that cannot be derived from
//! other data.
//!
//! `journal/NNNNNN.log` has a record of each genesis, block, aggregated operation and proof, in the
//! order of writing. A record is a header (see `blob_header`), then the frame if the blob is
//! inline, or the id of the blob file. Reverts are records, too. So nothing that was acknowledged
//! is lost with the kv. If the kv silently lost its end, as sled does when one of its bytes is
//! damaged, the next start notices.
//!
//! # Writing
//!
//! A record is written before the transaction it is about, and synced together with the kv, once
//! for all waiting callers (see `group_commit`). `journal/acknowledged` has the place after the
//! last record of which both are synced: segment (4 bytes) ‖ offset (8) ‖ crc32 (4), little-endian.
//! It is written without a sync, so that after a power failure it may be older, but never ahead.
//!
//! A record after this place whose item is not in the kv was never acknowledged. The next start
//! marks it as withdrawn, and truncates torn bytes. Each transaction stores the end of the journal
//! in the kv. If a power failure left less of the journal than that, the next start appends the
//! missing records from the kv. Damage before the acknowledged place stays for `doctor`, and
//! writing continues in a new segment.
//!
//! # Space
//!
//! An inline blob takes its space a second time: about 1.2 kB for a proof or a small block. A blob
//! file takes 80 bytes. Records are never removed, as blocks and proofs are not. A folder without a
//! journal gets one at its first start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fsync;
use crate::store::durable::blob_header::{Header, RecordType};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::journal_found::FoundJournal;
use crate::store::durable::journal_reading::{ACKNOWLEDGED, acknowledged_bytes};
use crate::store::durable::journal_record::{Item, Place};
use crate::store::durable::journal_segment::segment_name;
use crate::store::durable::sync_thread::SyncThread;
use crate::store::error::StoreError;

/// Length after which a segment is followed by the next one, in bytes. A start reads one segment.
const SEGMENT_BYTES: u64 = if cfg!(test) { 16 << 10 } else { 16 << 20 };

#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    acknowledged: File,
    state: Mutex<State>,
    /// Held during a journalled transaction, so that the end of the journal in the kv never
    /// decreases.
    order: Mutex<()>,
    sync_thread: SyncThread,
}

#[derive(Debug)]
struct State {
    /// The place of the next record.
    end: Place,
    /// The segment of that place.
    file: Arc<File>,
    /// Segments with writes since the last sync began.
    dirty: Vec<Arc<File>>,
    /// Set if a segment was created since the last sync began.
    new_segment: bool,
    /// Records that are not acknowledged.
    unacknowledged: BTreeMap<Place, Item>,
    /// Those of them whose transaction was not applied yet, or failed.
    pending: BTreeSet<Place>,
}

/// The writes that one sync of the journal covers.
#[derive(Debug)]
pub(crate) struct Round {
    files: Vec<Arc<File>>,
    new_segment: bool,
    /// Everything before this place is in the kv when the sync begins.
    up_to: Place,
}

/// A record whose transaction is in progress.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pending<'a> {
    journal: &'a Journal,
    place: Place,
}

impl Pending<'_> {
    /// Runs the transaction, which has to store the given end of the journal. If it fails, the
    /// record stays unacknowledged until it is known whether the transaction was applied.
    pub(crate) fn apply(
        self,
        transaction: impl FnOnce(Place) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let order = self.journal.order.lock().unwrap_or_else(PoisonError::into_inner);
        transaction(self.journal.end())?;
        drop(order);
        self.applied();
        Ok(())
    }

    /// Marks the record as applied: its item is in the kv.
    pub(crate) fn applied(self) {
        self.journal.lock().pending.remove(&self.place);
    }
}

impl Journal {
    /// Opens a journal that was read: removes torn records, and continues behind damage in a new
    /// segment.
    pub(crate) fn open(found: FoundJournal) -> Result<Self, StoreError> {
        let failed = || StoreError::io("opening the journal");
        let FoundJournal { dir, end, unacknowledged, torn_segments, damaged, .. } = found;
        if damaged {
            tracing::warn!("the journal is damaged: run `doctor`; it continues in a new file");
        }
        for path in torn_segments {
            fs::remove_file(path).map_err(failed())?;
        }
        let journal = Self::at(&dir, end, unacknowledged)?;
        if damaged {
            journal.write_acknowledged(end).map_err(failed())?;
        }
        Ok(journal)
    }

    /// Returns the folder of the journal.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Creates the journal of a folder that has none, with the records that `fill` appends: all of
    /// them or none.
    pub(crate) fn create(
        dir: &Path,
        fill: impl FnOnce(&Self) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let failed = || StoreError::io("creating the journal");
        let temporary = dir.with_extension("new");
        for old in [dir, &temporary] {
            if old.try_exists().map_err(failed())? {
                fs::remove_dir_all(old).map_err(failed())?;
            }
        }
        fs::create_dir(&temporary).map_err(failed())?;
        let start = Place { segment: 1, offset: 0 };
        let journal = Self::at(&temporary, start, BTreeMap::new())?;
        fill(&journal)?;
        let round = journal.begin_sync();
        journal.sync_while(&round, || ()).0?;
        journal.acknowledge(&round);
        fsync::sync_file(&journal.acknowledged).map_err(failed())?;
        fsync::sync_folder(&temporary).map_err(failed())?;
        fsync::rename_durably(&temporary, dir).map_err(failed())?;
        Ok(Self { dir: dir.into(), ..journal })
    }

    /// Opens the segment of a place for writing, truncates it there, and starts the sync thread.
    fn at(dir: &Path, end: Place, unacknowledged: BTreeMap<Place, Item>) -> Result<Self, StoreError> {
        let failed = || StoreError::io("opening the journal");
        let file = Arc::new(open_file(&dir.join(segment_name(end.segment))).map_err(failed())?);
        file.set_len(end.offset).map_err(failed())?;
        let pending = unacknowledged.keys().copied().collect();
        let dirty = vec![file.clone()];
        let state = State { end, file, dirty, new_segment: true, unacknowledged, pending };
        let start = StoreError::io("starting the thread that syncs the journal");
        Ok(Self {
            dir: dir.into(),
            acknowledged: open_file(&dir.join(ACKNOWLEDGED)).map_err(failed())?,
            state: Mutex::new(state),
            order: Mutex::default(),
            sync_thread: SyncThread::start().map_err(start)?,
        })
    }

    /// Writes the record of a blob. After that, its transaction may begin.
    pub(crate) fn append(&self, label: BlobLabel, blob: &BlobRef) -> Result<Pending<'_>, StoreError> {
        let (record_type, content) = match blob {
            BlobRef::Inline { frame, .. } => (RecordType::Inline, frame.clone()),
            BlobRef::File { id, .. } => (RecordType::File, id.to_le_bytes().to_vec()),
        };
        let (raw_len, len, hash) = (blob.raw_len(), blob.stored_len(), blob.frame_hash());
        let place = self.write(&Header { label, record_type, raw_len, len, hash }, &content)?;
        Ok(Pending { journal: self, place })
    }

    /// Writes a record of the revert to block `to`, before the records of later blocks are removed.
    pub(crate) fn append_revert(&self, to: u32) -> Result<(), StoreError> {
        let label = BlobLabel::block(BlobKind::Block, to);
        let place = self.write(&removal(RecordType::Revert, Item { label, hash: [0; 32] }), &[])?;
        Pending { journal: self, place }.applied();
        Ok(())
    }

    /// Writes a record of the removal of an item, before the item is removed.
    pub(crate) fn append_removal(&self, item: Item) -> Result<(), StoreError> {
        let place = self.write(&removal(RecordType::Withdrawn, item), &[])?;
        Pending { journal: self, place }.applied();
        Ok(())
    }

    fn write(&self, header: &Header, content: &[u8]) -> Result<Place, StoreError> {
        let failed = || StoreError::io("writing the journal");
        let bytes = [&header.bytes(), content].concat();
        let mut state = self.lock();
        if state.end.offset >= SEGMENT_BYTES {
            let segment = state.end.segment.saturating_add(1);
            state.file = Arc::new(open_file(&self.dir.join(segment_name(segment))).map_err(failed())?);
            state.end = Place { segment, offset: 0 };
            state.new_segment = true;
        }
        let place = state.end;
        // After a failed write, the next one overwrites its bytes.
        state.file.write_all_at(&bytes, place.offset).map_err(failed())?;
        state.end.offset += bytes.len() as u64;
        if !state.dirty.iter().any(|file| Arc::ptr_eq(file, &state.file)) {
            let file = state.file.clone();
            state.dirty.push(file);
        }
        if !matches!(header.record_type, RecordType::Withdrawn | RecordType::Revert) {
            state.unacknowledged.insert(place, Item { label: header.label, hash: header.hash });
        }
        state.pending.insert(place);
        Ok(place)
    }

    /// Calls a function with path and descriptor of the current segment.
    pub(crate) fn with_file<T>(&self, look: impl FnOnce(&Path, &File) -> T) -> T {
        let state = self.lock();
        look(&self.dir.join(segment_name(state.end.segment)), &state.file)
    }

    /// Returns the place of the next record.
    pub(crate) fn end(&self) -> Place {
        self.lock().end
    }

    /// Begins a sync of all writes so far. The flush of the kv must not begin before.
    pub(crate) fn begin_sync(&self) -> Round {
        let mut state = self.lock();
        Round {
            files: std::mem::take(&mut state.dirty),
            new_segment: std::mem::take(&mut state.new_segment),
            up_to: state.pending.first().copied().unwrap_or(state.end),
        }
    }

    /// Makes the writes of a round durable on the sync thread, and runs `meanwhile` on this one.
    pub(crate) fn sync_while<T>(
        &self,
        round: &Round,
        meanwhile: impl FnOnce() -> T,
    ) -> (Result<(), StoreError>, T) {
        if round.files.is_empty() && !round.new_segment {
            return (Ok(()), meanwhile());
        }
        let files = round.files.clone();
        let folder = round.new_segment.then(|| self.dir.clone());
        let sync = move || {
            files.iter().try_for_each(|file| fsync::sync_data(file))?;
            folder.map_or(Ok(()), |folder| fsync::sync_folder(&folder))
        };
        let (synced, done) = self.sync_thread.run(sync, meanwhile);
        let synced = synced.map_err(|error| {
            let mut state = self.lock();
            state.new_segment |= round.new_segment;
            state.dirty.extend(round.files.iter().cloned());
            StoreError::io("syncing the journal")(error)
        });
        (synced, done)
    }

    /// Acknowledges a round, after both journal and kv were synced.
    pub(crate) fn acknowledge(&self, round: &Round) {
        if let Err(error) = self.write_acknowledged(round.up_to) {
            // The old content of the file stays valid: it covers less.
            tracing::warn!(%error, "cannot write the end of the acknowledged journal records");
        }
        let mut state = self.lock();
        state.unacknowledged = state.unacknowledged.split_off(&round.up_to);
    }

    /// Withdraws unacknowledged records whose items are not in the kv. No transaction may be in
    /// progress. Returns true if any record was unacknowledged.
    pub(crate) fn settle(
        &self,
        is_stored: impl Fn(&Item) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let open: Vec<Item> = self.lock().unacknowledged.values().copied().collect();
        for item in &open {
            if !is_stored(item)? {
                self.write(&removal(RecordType::Withdrawn, *item), &[])?;
            }
        }
        self.lock().pending.clear();
        Ok(!open.is_empty())
    }

    fn write_acknowledged(&self, place: Place) -> io::Result<()> {
        self.acknowledged.write_all_at(&acknowledged_bytes(place), 0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the header of a record without content.
fn removal(record_type: RecordType, Item { label, hash }: Item) -> Header {
    Header { label, record_type, raw_len: 0, len: 0, hash }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}
