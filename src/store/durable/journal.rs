//! The journal: a second record of what cannot be made again, apart from the index.
//!
//! `journal/NNNNNN.log` holds, in the order of writing, an entry for every genesis, block, aggregated operation and proof. An entry is
//! the header of a body file (`body`), then the frame of the body where that is small and inside its record, or else the id of
//! its file. So a lost index loses nothing that was acknowledged, and an index that silently lost its end, as sled's does when a byte of it
//! is damaged, is noticed at the next start. Reverts are entries, too.
//!
//! # Writing
//!
//! An entry is written before the transaction it is about, and synced together with the index, once for all who wait
//! (`commit`). `journal/acknowledged` says up to where that has happened: segment (4 bytes) ‖ offset (8) ‖ crc32 (4), little-endian.
//! It is written without a sync, so a power failure may leave an older one; it is never ahead.
//!
//! What is behind it at a start and is not in the index was never acknowledged: an entry says that it is withdrawn. What is torn
//! there is cut off. Each transaction records in the index where the journal ended: when a power failure left less of it than that,
//! the start appends what the index has and the journal lacks. Damage before the acknowledged place is left as it is, and writing
//! goes on in a new segment.
//!
//! # Space
//!
//! What an inline body takes in the index, once more: some 1.2 kB for a proof and for a small block; 80 bytes for what has a body file.
//! Nothing is ever removed, as proofs and blocks are not. A folder that has no journal gets one at its first start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::durable::blob_header::Header;
use crate::store::durable::blobs::{BlobKind, BlobLabel, BlobRef};
use crate::store::durable::folder;
use crate::store::durable::journal_scan::{
    Entry, Item, Place, Replay, Segment, form, scan, segment_name, segments,
};
use crate::store::error::StoreError;

/// A segment that is longer is followed by another: what a start reads.
const SEGMENT_BYTES: u64 = if cfg!(test) { 16 << 10 } else { 16 << 20 };
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    acknowledged: File,
    state: Mutex<State>,
    /// Held while a transaction about entries is done, so that the end of the journal it records never goes back.
    order: Mutex<()>,
}

#[derive(Debug)]
struct State {
    number: u32,
    file: Arc<File>,
    /// Where the next entry goes.
    end: u64,
    /// Written since the last sync began.
    dirty: Vec<Arc<File>>,
    new_segment: bool,
    /// Written and not acknowledged.
    unsettled: BTreeMap<Place, Item>,
    /// Of these, those whose transaction is not done, or failed.
    undone: BTreeSet<Place>,
}

/// What a sync of the journal covers.
#[derive(Debug)]
pub(crate) struct Round {
    files: Vec<Arc<File>>,
    new_segment: bool,
    /// Everything before this is in the index by then.
    up_to: Place,
}

impl Round {
    /// Whether nothing was written to the journal.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.new_segment
    }
}

/// An entry whose transaction is under way.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pending<'a> {
    journal: &'a Journal,
    place: Place,
}

impl Pending<'_> {
    /// Does the transaction, which is to record where the journal ends. When it fails, the entry stays unacknowledged until it
    /// is known whether it was done.
    pub fn apply(self, transaction: impl FnOnce(Place) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let order = self.journal.order.lock().unwrap_or_else(PoisonError::into_inner);
        transaction(self.journal.end())?;
        drop(order);
        self.done();
        Ok(())
    }

    /// Its item is in the index.
    pub fn done(self) {
        self.journal.lock().undone.remove(&self.place);
    }
}

impl Journal {
    /// Opens the journal in `dir`; `None` when there is none. Also what it says is acknowledged, as far as it was read:
    /// the last segment.
    pub fn open(dir: &Path) -> Result<Option<(Self, Replay)>, StoreError> {
        let failed = || StoreError::io("opening the journal");
        let found = match segments(dir) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed()(error)),
        };
        let Some((&(mut last), _)) = found.last_key_value() else { return Ok(None) };
        let acknowledged = read_acknowledged(dir).map_err(failed())?;
        let newest = last;
        let from = acknowledged.map_or(last, |(segment, _)| segment.min(last));
        // What nobody was told is safe may be torn; a sync covers all that was written before it, so nothing behind a tear is acknowledged.
        let may_be_torn = |place: Place| acknowledged.is_some_and(|acknowledged| acknowledged <= place);
        let (mut replay, mut unsettled, mut end) = (Replay::default(), BTreeMap::new(), 0);
        let mut damaged = acknowledged.is_none();
        for (&number, path) in found.range(from..) {
            let Segment { entries, gaps, len } = scan(number, path).map_err(failed())?;
            let bad = entries.iter().filter(|entry| !entry.sound).map(|entry| entry.place);
            let (torn, lost): (Vec<Place>, Vec<Place>) =
                gaps.iter().map(|gap| gap.from).chain(bad).partition(|place| may_be_torn(*place));
            damaged |= !lost.is_empty();
            let tear = torn.iter().map(|(_, offset)| *offset).min();
            (last, end) = (number, tear.unwrap_or(len));
            for entry in entries.into_iter().filter(|entry| entry.place.1 < end) {
                // An entry that something is gone counts in any case: it was written when it was certain.
                let gone = matches!(entry.header.form, form::WITHDRAWN | form::REVERT);
                if gone || acknowledged.is_some_and(|place| entry.place < place) {
                    replay.add(entry);
                } else {
                    unsettled.insert(entry.place, entry.item());
                }
            }
            if tear.is_some() {
                break;
            }
        }
        damaged |= acknowledged.is_some_and(|place| place > (last, end));
        if damaged {
            tracing::warn!(folder = %dir.display(), "the journal is damaged: run `doctor`; it goes on in a new file");
            (unsettled, end) = (BTreeMap::new(), 0);
        } else {
            for path in found.range(last.saturating_add(1)..).map(|(_, path)| path) {
                fs::remove_file(path).map_err(failed())?;
            }
        }
        let number = if damaged { newest.saturating_add(1) } else { last };
        let undone = unsettled.keys().copied().collect();
        let journal = Self::at(dir, number, end, unsettled, undone).map_err(failed())?;
        if damaged {
            journal.write_acknowledged((number, 0)).map_err(failed())?;
        }
        Ok(Some((journal, replay)))
    }

    /// Makes the journal of a folder that has none, with everything that `fill` appends; it is there as a whole or not at all.
    pub fn create(
        dir: &Path,
        fill: impl FnOnce(&Self) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let failed = || StoreError::io("creating the journal");
        let temporary = dir.with_extension("new");
        for old in [dir, &temporary] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(failed())?;
            }
        }
        fs::create_dir(&temporary).map_err(failed())?;
        let journal = Self::at(&temporary, 1, 0, BTreeMap::new(), BTreeSet::new()).map_err(failed())?;
        fill(&journal)?;
        let round = journal.begin_sync();
        journal.sync(&round)?;
        journal.acknowledge(&round);
        journal.acknowledged.sync_all().map_err(failed())?;
        folder::sync(&temporary).map_err(failed())?;
        fs::rename(&temporary, dir).map_err(failed())?;
        dir.parent().map_or(Ok(()), folder::sync).map_err(failed())?;
        Ok(Self { dir: dir.into(), ..journal })
    }

    fn at(
        dir: &Path,
        number: u32,
        end: u64,
        unsettled: BTreeMap<Place, Item>,
        undone: BTreeSet<Place>,
    ) -> io::Result<Self> {
        let file = open_file(&dir.join(segment_name(number)))?;
        file.set_len(end)?;
        let acknowledged = open_file(&dir.join(ACKNOWLEDGED))?;
        let file = Arc::new(file);
        let (dirty, new_segment) = (vec![file.clone()], true);
        let state = State { number, file, end, dirty, new_segment, unsettled, undone };
        Ok(Self { dir: dir.into(), acknowledged, state: Mutex::new(state), order: Mutex::default() })
    }

    /// Writes the entry of a body; its transaction may begin then.
    pub fn append(&self, label: BlobLabel, body: &BlobRef) -> Result<Pending<'_>, StoreError> {
        let (form, content) = match body {
            BlobRef::Inline { frame, .. } => (form::INLINE, frame.clone()),
            BlobRef::File { id, .. } => (form::FILE, id.to_le_bytes().to_vec()),
        };
        let header =
            Header { label, form, raw_len: body.raw_len(), len: body.stored_len(), hash: body.frame_hash() };
        let place = self.write(&header, &content)?;
        Ok(Pending { journal: self, place })
    }

    /// Everything that reaches beyond block `to` is about to go.
    pub fn append_revert(&self, to: u32) -> Result<(), StoreError> {
        let label = BlobLabel::block(BlobKind::Block, to);
        let header = Header { label, form: form::REVERT, raw_len: 0, len: 0, hash: [0; 32] };
        let place = self.write(&header, &[])?;
        Pending { journal: self, place }.done();
        Ok(())
    }

    fn write(&self, header: &Header, content: &[u8]) -> Result<Place, StoreError> {
        let failed = || StoreError::io("writing the journal");
        let bytes = [&header.bytes(), content].concat();
        let mut state = self.lock();
        if state.end >= SEGMENT_BYTES {
            let number = state.number.saturating_add(1);
            state.file = Arc::new(open_file(&self.dir.join(segment_name(number))).map_err(failed())?);
            (state.number, state.end, state.new_segment) = (number, 0, true);
        }
        // After a failed write the next one takes its place.
        state.file.write_all_at(&bytes, state.end).map_err(failed())?;
        let place = (state.number, state.end);
        state.end += bytes.len() as u64;
        if !state.dirty.iter().any(|file| Arc::ptr_eq(file, &state.file)) {
            let file = state.file.clone();
            state.dirty.push(file);
        }
        if !matches!(header.form, form::WITHDRAWN | form::REVERT) {
            state.unsettled.insert(place, Item { label: header.label, hash: header.hash });
        }
        state.undone.insert(place);
        Ok(place)
    }

    /// Where the next entry goes.
    pub fn end(&self) -> Place {
        let state = self.lock();
        (state.number, state.end)
    }

    /// To be called before the index is flushed.
    pub fn begin_sync(&self) -> Round {
        let mut state = self.lock();
        let end = (state.number, state.end);
        let up_to = state.undone.first().copied().unwrap_or(end);
        let new_segment = std::mem::take(&mut state.new_segment);
        Round { files: std::mem::take(&mut state.dirty), new_segment, up_to }
    }

    /// Makes durable what was written before the round began.
    pub fn sync(&self, round: &Round) -> Result<(), StoreError> {
        let sync = || {
            round.files.iter().try_for_each(|file| file.sync_data())?;
            if round.new_segment { folder::sync(&self.dir) } else { Ok(()) }
        };
        sync().map_err(|error| {
            let mut state = self.lock();
            state.new_segment |= round.new_segment;
            state.dirty.extend(round.files.iter().cloned());
            StoreError::io("syncing the journal")(error)
        })
    }

    /// Index and journal are synced: nothing of the round may be missing from now on.
    pub fn acknowledge(&self, round: &Round) {
        if let Err(error) = self.write_acknowledged(round.up_to) {
            // The old one stays: it covers less.
            tracing::warn!(%error, "cannot record how far the journal is acknowledged");
        }
        let mut state = self.lock();
        state.unsettled = state.unsettled.split_off(&round.up_to);
    }

    /// Withdraws what was written, is not acknowledged and is not in the index. No transaction may be under way. Gives whether
    /// there was anything that is not acknowledged.
    pub fn settle(&self, is_there: impl Fn(&Item) -> Result<bool, StoreError>) -> Result<bool, StoreError> {
        let open: Vec<Item> = self.lock().unsettled.values().copied().collect();
        for item in &open {
            if !is_there(item)? {
                let Item { label, hash } = *item;
                self.write(&Header { label, form: form::WITHDRAWN, raw_len: 0, len: 0, hash }, &[])?;
            }
        }
        self.lock().undone.clear();
        Ok(!open.is_empty())
    }

    fn write_acknowledged(&self, (number, offset): Place) -> io::Result<()> {
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.extend_from_slice(&offset.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        self.acknowledged.write_all_at(&bytes, 0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to where the journal is acknowledged; `None` when that cannot be read.
pub(crate) fn read_acknowledged(dir: &Path) -> io::Result<Option<Place>> {
    let bytes = match fs::read(dir.join(ACKNOWLEDGED)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((rest, crc)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
    let (Some(number), Some(offset)) = (rest.first_chunk(), rest.last_chunk()) else { return Ok(None) };
    let sound = rest.len() == 12 && crc32fast::hash(rest) == u32::from_le_bytes(*crc);
    Ok(sound.then_some((u32::from_le_bytes(*number), u64::from_le_bytes(*offset))))
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// What the whole journal says, and what of it cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub replay: Replay,
    /// Sound headers whose body is not.
    pub bad: Vec<Entry>,
    /// Segment file and what is wrong with it.
    pub damage: Vec<(String, String)>,
    /// Up to where it is acknowledged, if that is known.
    pub acknowledged: Option<Place>,
    /// Whether there is a journal at all.
    pub present: bool,
}

impl Reading {
    /// Reads every segment.
    pub fn of(dir: &Path) -> Result<Self, StoreError> {
        let failed = || StoreError::io("reading the journal");
        let mut reading = Self::default();
        let found = match segments(dir) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(reading),
            Err(error) => return Err(failed()(error)),
        };
        reading.present = true;
        reading.acknowledged = read_acknowledged(dir).map_err(failed())?;
        if reading.acknowledged.is_none() {
            let what = "it cannot be read, so it is not known up to where the journal is acknowledged";
            reading.damage.push((ACKNOWLEDGED.into(), what.into()));
        }
        let mut expected = found.keys().next().copied().unwrap_or(1);
        let mut end = (0, 0);
        for (&number, path) in &found {
            if number != expected {
                let what = format!("it is missing, and {} is there", segment_name(number));
                reading.damage.push((segment_name(expected), what));
            }
            expected = number.saturating_add(1);
            let segment = scan(number, path).map_err(failed())?;
            end = (number, segment.len);
            for gap in segment.gaps {
                // Torn by a kill: the next start cuts it off.
                if reading.acknowledged.is_none_or(|place| gap.from < place) {
                    let what = format!("bytes {} to {} are no entry", gap.from.1, gap.to);
                    reading.damage.push((segment_name(number), what));
                }
            }
            for entry in segment.entries {
                if !entry.sound {
                    let at = entry.place.1;
                    let what = format!("the {} at byte {at} fails its checksum", entry.header.label);
                    reading.damage.push((segment_name(number), what));
                    reading.bad.push(entry.clone());
                }
                reading.replay.add(entry);
            }
        }
        if reading.acknowledged.is_some_and(|place| place > end) {
            let what = format!("it ends at byte {} and should be longer", end.1);
            reading.damage.push((segment_name(end.0), what));
        }
        Ok(reading)
    }
}
