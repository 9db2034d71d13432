//! Bundles: one block in one file, with everything that determines its witness, so that the block
//! can be replayed on any machine.
//!
//! A bundle holds the block with its account updates, the leaves of the account tree that the block
//! reads, the sibling nodes of their paths, and, if they are stored, the witness, the proof and the
//! quarantine. [`check()`] needs nothing else: it repeats all computations and reports line by line
//! which stored values match.
//!
//! # Format 1
//!
//! A bundle is a zstd file, so that `zstd -dc FILE` prints its JSON: a skippable frame with the
//! header, then one frame with the JSON. Integers are little-endian.
//!
//! ```text
//! file = 0x184d2a5b (4) ‖ 64 (4) ‖ "zkwsbndl" (8) ‖ format (4) ‖ length of the JSON (8) ‖ length of the frame (8)
//!        ‖ blake3 of the frame (32) ‖ crc32 of these 68 bytes (4) ‖ frame
//! ```
//!
//! The JSON is one object, [`Bundle`]. A reader ignores unknown keys. Any other change makes a new
//! format, which older readers refuse. Files are read up to [`MAX_FILE`] bytes, the JSON up to
//! [`MAX_JSON`].

mod check;
mod content;
mod export;
mod file;
mod replay;
mod report;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub(crate) use file::pack as file_of;

pub use check::check;
pub(crate) use content::Bundle;
pub(crate) use export::ExportError;
pub use export::export;
pub(crate) use file::{FORMAT, MAX_FILE};
pub(crate) use report::Report;
pub use report::{Check, Outcome};
