//! Backups: everything of a store that nothing else can be derived from, in one file.
//!
//! A backup shows [one moment](crate::store::ReadView), whatever is imported and published while it is written. It is written and read
//! entry by entry; no more than one entry is in memory. Left out is what follows from the rest: the account tree, witnesses, jobs of
//! unproven blocks (with their attempts), times of import; and the rejected proofs, which nothing refers to.
//!
//! # Format 1
//!
//! Integers are little-endian.
//!
//! ```text
//! file   = magic "zkwsbkup" (8) ‖ format (4) ‖ crc32 of these 12 bytes (4) ‖ entry … ‖ end
//! entry  = head ‖ meta ‖ frame ‖ blake3 of head, meta and frame (32)
//! head   = kind (1) ‖ flags (1) ‖ zero (2) ‖ first block (4) ‖ last block (4) ‖ length of meta (4)
//!          ‖ length of the body (8) ‖ length of the frame (8) ‖ crc32 of these 32 bytes (4)
//! meta   = a JSON object
//! frame  = the body as one zstd frame; nothing, if the body is empty
//! end    = an entry without a body, whose hash is of the whole file before that hash
//! ```
//!
//! | kind | entry | blocks | meta | body |
//! | --- | --- | --- | --- | --- |
//! | 1 | what the backup is: the first entry | 0 to the head | `program`, `at_ms` | – |
//! | 2 | genesis | – | – | canonical JSON |
//! | 3 | block with its account updates, ascending | its number | – | canonical JSON |
//! | 4 | aggregated operation | its range | `stored_at_ms` | canonical JSON |
//! | 5 | proof, ascending | its block | `prover`, `stored_at_ms` | the protocol's JSON |
//! | 6 | aggregated proof, ascending by last block | its range | `prover`, `stored_at_ms` | the protocol's JSON |
//! | 255 | end: the last entry | – | how many of each there are | – |
//!
//! # Rules for later versions
//!
//! Every version reads the formats of the ones before it. A new kind of entry does not change the format number. It has bit 0 of the
//! flags set if a reader that does not know it may skip it, so that what it restores is merely without it; a reader refuses an
//! unknown kind without that flag, and any other flag. Keys of `meta` that a reader does not know are ignored. Whatever else changes is a
//! new format, which older readers refuse.

mod entry;
mod error;
#[cfg(feature = "testing")]
mod mending;
mod reader;
mod restore;
mod source;
#[cfg(test)]
mod tests;

pub use entry::{About, Counts, Kind};
pub use error::BackupError;
#[cfg(feature = "testing")]
pub use mending::with_right_checksums;
pub use reader::{BackupReader, Entry, verify};
pub use restore::{RestoreError, Restored, restore};
pub use source::BackupSource;
