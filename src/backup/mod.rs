//! Backups: one file with all data of a store that cannot be derived from other data.
//!
//! A backup holds a consistent [view](crate::store::ReadView) of the store, regardless of imports
//! and publications while it is written. It is written and read entry by entry, with one entry in
//! memory at a time. It omits what can be derived (the account tree, witnesses, jobs of unproven
//! blocks with their attempts), the times of imports, and rejected proofs.
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
//! end    = an entry without a body, whose hash covers the whole file before that hash
//! ```
//!
//! | kind | entry | blocks | meta | body |
//! | --- | --- | --- | --- | --- |
//! | 1 | description of the backup: the first entry | 0 to the last block | `program`, `at_ms` | – |
//! | 2 | genesis | – | – | canonical JSON |
//! | 3 | block with its account updates, ascending | its number | – | canonical JSON |
//! | 4 | aggregated operation | its range | `stored_at_ms` | canonical JSON |
//! | 5 | proof, ascending | its block | `prover`, `stored_at_ms` | the protocol's JSON |
//! | 6 | aggregated proof, ascending by last block | its range | `prover`, `stored_at_ms` | the protocol's JSON |
//! | 255 | end: the last entry | – | number of entries of each kind | – |
//!
//! # Rules for later versions
//!
//! Every version reads the formats of earlier versions. A new kind of entry does not change the
//! format number. Bit 0 of its flags is set if readers that do not know the kind may skip it; a
//! reader refuses an unknown kind without that flag, and any other flag. Unknown keys of `meta` are
//! ignored. Any other change makes a new format, which older readers refuse.

#[cfg(feature = "testing")]
mod checksums;
mod entry;
mod error;
mod reader;
mod restore;
mod source;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub(crate) use checksums::with_right_checksums;
pub(crate) use entry::{About, Counts, FORMAT, Kind};
pub(crate) use error::BackupError;
pub(crate) use reader::{BackupReader, Entry, verify};
pub(crate) use restore::{RestoreError, Restored, require_vacant, restore};
pub(crate) use source::BackupSource;
