//! The file format of a bundle: JSON behind a header with checksums.

use std::io::Read;

use thiserror::Error;

use crate::input;

const SKIPPABLE: u32 = 0x184d_2a5b;
const MAGIC: &[u8; 8] = b"zkwsbndl";
/// The format of new files. All formats up to this one can be read.
pub(crate) const FORMAT: u32 = 1;
/// Length of the skippable frame in front of the JSON, in bytes.
pub(super) const HEAD: usize = 72;
/// Longest file, in bytes.
pub(crate) const MAX_FILE: u64 = 128 << 20;
/// Longest JSON, in bytes.
pub(crate) const MAX_JSON: u64 = 512 << 20;
/// Largest allocation in advance, in bytes, regardless of the lengths in the header.
const PREALLOCATE: u64 = 1 << 20;
const LEVEL: i32 = 6;

/// The reason why a bundle cannot be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// The header is not that of a bundle.
    #[error("the file is not a bundle")]
    NotABundle,
    /// The file has a later format.
    #[error(
        "the bundle has format {found}, this program reads formats up to {known}; use a newer witness-server"
    )]
    LaterFormat {
        /// The format of the file.
        found: u32,
        /// The latest format that this program reads.
        known: u32,
    },
    /// The content does not match its checksums or lengths.
    #[error("the bundle is damaged: {0}; copy it or export it again")]
    Damaged(String),
    /// The file or its JSON exceeds its limit.
    #[error("the bundle has {found} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The length, in bytes.
        found: u64,
        /// The limit, in bytes.
        limit: u64,
    },
}

/// Encodes JSON as the file of a bundle.
pub(crate) fn pack(json: &[u8]) -> Result<Vec<u8>, FileError> {
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

/// Decodes the file of a bundle; returns its JSON.
pub(super) fn unpack(file: &[u8]) -> Result<Vec<u8>, FileError> {
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
    bounded(json_len, input::unpacked_limit(frame.len() as u64, MAX_JSON))?;
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
