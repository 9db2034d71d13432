//! Recomputes the checksums of an altered backup, for tests of the decoder behind them; only with
//! the feature `testing`.

use super::entry::{ENTRY_HEAD, FILE_HEAD, HASH, Head, Kind};

/// Returns the same bytes with every checksum recomputed, as far as the entries can be parsed.
pub(crate) fn with_right_checksums(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let mut at = 0;
    if !seal(&mut file, at, FILE_HEAD) {
        return file;
    }
    at += FILE_HEAD;
    while seal(&mut file, at, ENTRY_HEAD) {
        let head = file[at..at + ENTRY_HEAD].first_chunk().and_then(Head::parse);
        let Some(head) = head else { break };
        let length = ENTRY_HEAD as u64 + u64::from(head.meta_len) + head.frame_len;
        let Some(end) = usize::try_from(length).ok().and_then(|length| at.checked_add(length)) else { break };
        if file.len().checked_sub(HASH).is_none_or(|last| last < end) {
            break;
        }
        let is_end = head.kind == Kind::End as u8;
        let hash = blake3::hash(&file[if is_end { 0 } else { at }..end]);
        file[end..end + HASH].copy_from_slice(hash.as_bytes());
        at = end + HASH;
    }
    file
}

/// Recomputes the CRC-32 at the end of a range; returns false if the file is shorter.
fn seal(file: &mut [u8], at: usize, length: usize) -> bool {
    let Some(sealed) = file.get_mut(at..at + length) else { return false };
    let Some((rest, crc)) = sealed.split_last_chunk_mut::<4>() else { return false };
    *crc = crc32fast::hash(rest).to_le_bytes();
    true
}
