//! The journal as a start or a reopen finds it. Reading it changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::durable::blob_header::RecordType;
use crate::store::durable::journal_reading::read_acknowledged;
use crate::store::durable::journal_record::{Item, Place};
use crate::store::durable::journal_replay::Replay;
use crate::store::durable::journal_segment::{Segment, scan, segments};
use crate::store::error::StoreError;

/// The newest part of a journal.
#[derive(Debug)]
pub(crate) struct FoundJournal {
    pub dir: PathBuf,
    /// The place where writing continues.
    pub end: Place,
    /// The acknowledged items of the last segment.
    pub acknowledged: Replay,
    /// Records that were never acknowledged.
    pub unacknowledged: BTreeMap<Place, Item>,
    /// Segments behind a torn record.
    pub torn_segments: Vec<PathBuf>,
    /// Set if acknowledged records cannot be read.
    pub damaged: bool,
}

impl FoundJournal {
    /// Reads the journal in `dir`; `None` if it is absent.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let failed = || StoreError::io("opening the journal");
        let found = match segments(dir) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed()(error)),
        };
        let Some((&newest, _)) = found.last_key_value() else { return Ok(None) };
        let acknowledged = read_acknowledged(dir).map_err(failed())?;
        let from = acknowledged.map_or(newest, |place| place.segment.min(newest));
        // Records that were never acknowledged may be torn. A sync covers everything written before
        // it, so nothing after a tear was acknowledged.
        let may_be_torn = |place: Place| acknowledged.is_some_and(|acknowledged| acknowledged <= place);
        let mut replay = Replay::default();
        let mut unacknowledged = BTreeMap::new();
        let mut end = Place { segment: newest, offset: 0 };
        let mut damaged = acknowledged.is_none();
        for (&number, path) in found.range(from..) {
            let Segment { records, gaps, len } = scan(number, path).map_err(failed())?;
            let bad = records.iter().filter(|record| !record.sound).map(|record| record.place);
            let (torn, lost): (Vec<Place>, Vec<Place>) =
                gaps.iter().map(|gap| gap.from).chain(bad).partition(|place| may_be_torn(*place));
            damaged |= !lost.is_empty();
            let tear = torn.iter().map(|place| place.offset).min();
            end = Place { segment: number, offset: tear.unwrap_or(len) };
            for record in records.into_iter().filter(|record| record.place < end) {
                // A removal always counts: it is only written once it is certain.
                let removal = matches!(record.header.record_type, RecordType::Withdrawn | RecordType::Revert);
                if removal || acknowledged.is_some_and(|place| record.place < place) {
                    replay.add(record);
                } else {
                    unacknowledged.insert(record.place, record.item());
                }
            }
            if tear.is_some() {
                break;
            }
        }
        damaged |= acknowledged.is_some_and(|place| place > end);
        let mut torn_segments = Vec::new();
        if damaged {
            unacknowledged = BTreeMap::new();
            end = Place { segment: newest.saturating_add(1), offset: 0 };
        } else {
            torn_segments.extend(found.range(end.segment.saturating_add(1)..).map(|(_, path)| path.clone()));
        }
        Ok(Some(Self { dir: dir.into(), end, acknowledged: replay, unacknowledged, torn_segments, damaged }))
    }
}
