//! Reading the whole journal, for checks and repairs.

use std::io;
use std::path::Path;

use crate::input;
use crate::store::durable::journal_record::Place;
use crate::store::durable::journal_replay::Replay;
use crate::store::durable::journal_segment::{scan, segment_name, segments};
use crate::store::error::{StoreError, is_of_content};

/// Name of the file with the end of the acknowledged records.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";

/// Bound of its length, in bytes; it has 16.
const MAX_ACKNOWLEDGED: u64 = 1 << 10;

/// The content of a journal, and its damage.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub replay: Replay,
    /// The damaged files, each by its name, with a description of the damage.
    pub damage: Vec<(String, String)>,
    /// The end of the acknowledged records, if it can be read.
    pub acknowledged: Option<Place>,
    /// Set if the folder has a journal.
    pub present: bool,
}

impl Reading {
    /// Returns true if it has every acknowledged record.
    pub(crate) fn is_sound(&self) -> bool {
        self.present && self.damage.is_empty()
    }

    /// Reads every segment.
    pub(crate) fn of(dir: &Path) -> Result<Self, StoreError> {
        let failed = || StoreError::io("reading the journal");
        let mut reading = Self::default();
        let found = match segments(dir) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(reading),
            Err(error) if is_of_content(&error) => {
                reading.present = true;
                reading.damage.push((".".into(), error.to_string()));
                return Ok(reading);
            }
            Err(error) => return Err(failed()(error)),
        };
        reading.present = true;
        reading.acknowledged = read_acknowledged(dir).map_err(failed())?;
        if reading.acknowledged.is_none() {
            let what = "it cannot be read, so the end of the acknowledged records is unknown";
            reading.damage.push((ACKNOWLEDGED.into(), what.into()));
        }
        let mut expected = found.keys().next().copied().unwrap_or(1);
        let mut end = Place { segment: 0, offset: 0 };
        for (&number, path) in &found {
            if number != expected {
                let what = format!("it is missing, but {} exists", segment_name(number));
                reading.damage.push((segment_name(expected), what));
            }
            expected = number.saturating_add(1);
            let segment = match scan(number, path) {
                Ok(segment) => segment,
                Err(error) if is_of_content(&error) => {
                    reading.damage.push((segment_name(number), error.to_string()));
                    continue;
                }
                Err(error) => {
                    return Err(StoreError::io(format!("reading journal/{}", segment_name(number)))(error));
                }
            };
            end = Place { segment: number, offset: segment.len };
            for gap in segment.gaps {
                // Bytes after the acknowledged records were torn by a kill, and the next start
                // removes them.
                if reading.acknowledged.is_none_or(|place| gap.from < place) {
                    let what = format!("bytes {} to {} are not a record", gap.from.offset, gap.to);
                    reading.damage.push((segment_name(number), what));
                }
            }
            for record in segment.records {
                if !record.sound {
                    let (label, at) = (record.header.label, record.place.offset);
                    let what = format!("the {label} at byte {at} fails its checksum");
                    reading.damage.push((segment_name(number), what));
                }
                reading.replay.add(record);
            }
        }
        if reading.acknowledged.is_some_and(|place| place > end) {
            let what = format!("it ends at byte {}, before the end of the acknowledged records", end.offset);
            reading.damage.push((segment_name(end.segment), what));
        }
        Ok(reading)
    }
}

/// Reads the end of the acknowledged records; `None` if the file is missing or damaged.
pub(crate) fn read_acknowledged(dir: &Path) -> io::Result<Option<Place>> {
    let bytes = match input::read(&dir.join(ACKNOWLEDGED), MAX_ACKNOWLEDGED) {
        Ok(bytes) => bytes,
        Err(error) if is_of_content(&error) || error.kind() == io::ErrorKind::FileTooLarge => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some((rest, crc)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
    let (Some(segment), Some(offset)) = (rest.first_chunk(), rest.last_chunk()) else { return Ok(None) };
    let sound = rest.len() == 12 && crc32fast::hash(rest) == u32::from_le_bytes(*crc);
    let place = Place { segment: u32::from_le_bytes(*segment), offset: u64::from_le_bytes(*offset) };
    Ok(sound.then_some(place))
}

/// Returns the bytes of the file with the end of the acknowledged records.
pub(crate) fn acknowledged_bytes(place: Place) -> Vec<u8> {
    let mut bytes = place.segment.to_le_bytes().to_vec();
    bytes.extend_from_slice(&place.offset.to_le_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}
