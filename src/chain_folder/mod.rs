//! Reader of a chain folder: the files of an import, in order, read one at a time.
//!
//! ```text
//! genesis.json                      the genesis accounts
//! blocks/000001.json …              {"block": …, "accounts_updated": …}, with consecutive numbers
//! aggregated_operations/*.json      in the order of the numbers in their names; may be absent
//! ```
//!
//! Each file may be compressed (`.json.gz`, `.json.zst`). A byte order mark at the start of the
//! content is skipped. Hidden files are ignored. Any other unexpected name is an error, since it is
//! most likely a file that is still being copied. Opening the folder reads only file names.

mod error;
mod file;
mod folder;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

pub use error::ChainFolderError;
pub use file::ChainFile;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub use file::read_as;
pub use folder::{BlockFile, ChainFolder};
