//! The file of a bundle.

use std::io::Read;

use thiserror::Error;

use super::Bundle;

const SKIPPABLE: u32 = 0x184d_2a5b;
const MAGIC: &[u8; 8] = b"zkwsbndl";
/// The format that is written; those up to it are read.
pub(super) const FORMAT: u32 = 1;
/// Length of what goes before the frame.
pub(super) const HEAD: usize = 72;
/// Longest file, in bytes.
pub const MAX_FILE: u64 = 128 << 20;
/// Longest JSON, in bytes.
pub const MAX_JSON: u64 = 512 << 20;
/// Nothing is allocated up front beyond this, whatever the head says.
const PREALLOCATE: u64 = 1 << 20;
const LEVEL: i32 = 6;

/// Why a bundle cannot be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// It does not begin as a bundle does.
    #[error("it is no bundle")]
    NotABundle,
    /// It is of a later format.
    #[error("it has format {found}, this program reads up to {known}: use a newer witness-server")]
    LaterFormat {
        /// The format of the file.
        found: u32,
        /// The latest that can be read.
        known: u32,
    },
    /// It is not what was written.
    #[error("it is damaged: {0}; take it again, or copy it again")]
    Damaged(String),
    /// It is longer than what is read.
    #[error("a bundle of {found} bytes is longer than the {limit} that are read")]
    TooLarge {
        /// Its length.
        found: u64,
        /// The bound.
        limit: u64,
    },
}

/// The bytes of a bundle.
///
/// # Errors
/// [`FileError::TooLarge`].
pub(super) fn encode(bundle: &Bundle) -> Result<Vec<u8>, FileError> {
    let damaged = |error: &dyn std::fmt::Display| FileError::Damaged(error.to_string());
    pack(&serde_json::to_vec(bundle).map_err(|error| damaged(&error))?)
}

/// Puts JSON into a file.
///
/// # Errors
/// [`FileError::TooLarge`].
pub fn pack(json: &[u8]) -> Result<Vec<u8>, FileError> {
    bounded(json.len() as u64, MAX_JSON)?;
    let frame = zstd::encode_all(json, LEVEL).map_err(|error| FileError::Damaged(error.to_string()))?;
    let mut file = head(json.len() as u64, &frame);
    file.extend_from_slice(&frame);
    bounded(file.len() as u64, MAX_FILE)?;
    Ok(file)
}

fn head(json_len: u64, frame: &[u8]) -> Vec<u8> {
    let mut head = SKIPPABLE.to_le_bytes().to_vec();
    head.extend_from_slice(&(HEAD as u32 - 8).to_le_bytes());
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&FORMAT.to_le_bytes());
    head.extend_from_slice(&json_len.to_le_bytes());
    head.extend_from_slice(&(frame.len() as u64).to_le_bytes());
    head.extend_from_slice(blake3::hash(frame).as_bytes());
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    head
}

/// The bundle of these bytes.
///
/// # Errors
/// See [`FileError`].
pub(super) fn decode(file: &[u8]) -> Result<Bundle, FileError> {
    let json = unpack(file)?;
    let bundle = serde_json::from_slice(&json).map_err(|error| damaged(format!("its JSON ({error})")))?;
    Ok(bundle)
}

fn unpack(file: &[u8]) -> Result<Vec<u8>, FileError> {
    bounded(file.len() as u64, MAX_FILE)?;
    let (head, frame) = file.split_first_chunk::<HEAD>().ok_or(FileError::NotABundle)?;
    if head[8..16] != *MAGIC {
        return Err(FileError::NotABundle);
    }
    let (sealed, crc) = head.split_at(HEAD - 4);
    if crc32fast::hash(sealed).to_le_bytes() != *crc {
        return Err(damaged("its head".to_owned()));
    }
    let number = |at: usize| head[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let format = number(16) as u32;
    if format > FORMAT {
        return Err(FileError::LaterFormat { found: format, known: FORMAT });
    }
    let (json_len, frame_len) = (number(20), number(28));
    let kind = head[..8] == [&SKIPPABLE.to_le_bytes()[..], &(HEAD as u32 - 8).to_le_bytes()].concat();
    if format == 0 || !kind {
        return Err(damaged("its head".to_owned()));
    }
    bounded(json_len, MAX_JSON)?;
    if frame.len() as u64 != frame_len {
        return Err(damaged(format!("{} bytes follow its head, not {frame_len}", frame.len())));
    }
    if *blake3::hash(frame).as_bytes() != head[36..68] {
        return Err(damaged("its hash".to_owned()));
    }
    let decompress = || -> std::io::Result<Option<Vec<u8>>> {
        let mut json = Vec::with_capacity(usize::try_from(json_len.min(PREALLOCATE)).unwrap_or(0));
        let mut decoder = zstd::stream::Decoder::with_buffer(frame)?.single_frame();
        (&mut decoder).take(json_len.saturating_add(1)).read_to_end(&mut json)?;
        let whole = json.len() as u64 == json_len && decoder.finish().is_empty();
        Ok(whole.then_some(json))
    };
    match decompress() {
        Ok(Some(json)) => Ok(json),
        Ok(None) => Err(damaged("the length of its JSON".to_owned())),
        Err(error) => Err(damaged(format!("it does not decompress ({error})"))),
    }
}

fn damaged(what: String) -> FileError {
    FileError::Damaged(what)
}

fn bounded(found: u64, limit: u64) -> Result<(), FileError> {
    if found > limit { Err(FileError::TooLarge { found, limit }) } else { Ok(()) }
}
