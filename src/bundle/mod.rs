//! Bundles: one block with all that its witness follows from, in one file, to be replayed anywhere.
//!
//! A bundle holds the block with its account updates, the leaves of the account tree that the block reads with the nodes beside their
//! paths, and, if they are there, the witness, the proof and the reason of the quarantine. [`check()`] needs nothing else: it
//! computes again whatever the rest of the program computed, and says line by line what holds.
//!
//! # Format 1
//!
//! A bundle is a zstd file, so that `zstd -dc FILE` shows the JSON in it: a skippable frame, which says what it is, then one frame.
//! Integers are little-endian.
//!
//! ```text
//! file = 0x184d2a5b (4) ‖ 64 (4) ‖ "zkwsbndl" (8) ‖ format (4) ‖ length of the JSON (8) ‖ length of the frame (8)
//!        ‖ blake3 of the frame (32) ‖ crc32 of these 68 bytes (4) ‖ frame
//! ```
//!
//! The JSON is one object, [`Bundle`]. A reader ignores keys that it does not know; whatever else changes is a new format, which older
//! readers refuse. A file is read up to [`MAX_FILE`] bytes, and the JSON up to [`MAX_JSON`].

mod check;
mod content;
mod file;
mod replay;
mod take;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub use file::pack as file_of;

pub use check::{Check, Line, Outcome, Report, check};
pub use content::{Before, Bundle, BundledProof, BundledQuarantine};
pub use file::{FileError, MAX_FILE, MAX_JSON};
pub use take::{TakeError, take};
