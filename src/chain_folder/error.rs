//! Errors of chain folders.

use std::io;
use std::path::PathBuf;

use crate::access;

/// A chain folder that cannot be used. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ChainFolderError {
    /// The folder or a required part of it is missing.
    #[error("{} does not exist; a chain folder holds genesis.json and blocks/000001.json and so on", .0.display())]
    Missing(PathBuf),
    /// A file is named in place of the folder.
    #[error("{} is a file; name the chain folder that holds it", .0.display())]
    IsFile(PathBuf),
    /// The folder holds no block.
    #[error("{} holds no block; copy the blocks there, named 000001.json and so on", .0.display())]
    NoBlocks(PathBuf),
    /// A block between two others is missing.
    #[error("block {missing} is missing in {}, between {before} and {after}; copy it there", folder.display())]
    Gap {
        /// The folder of the blocks.
        folder: PathBuf,
        /// The last number before the gap.
        before: u32,
        /// The first missing number.
        missing: u32,
        /// The first number after the gap.
        after: u32,
    },
    /// Two files hold the same item.
    #[error("{} and {} are the same item; remove one of them", first.display(), second.display())]
    Duplicate {
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// A file has a name that no file of a chain folder has.
    #[error("{} is not a file of a chain folder; if it is still being copied, wait for that, else remove it", .0.display())]
    UnexpectedName(PathBuf),
    /// A file ends too early.
    #[error("{} is incomplete ({cause}); copy it again", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The error at its end.
        cause: String,
    },
    /// A file does not have the format that its name implies.
    #[error("{} is damaged ({cause}); copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The error of the decoder.
        cause: String,
    },
    /// A Git LFS pointer is in the place of a file.
    #[error(
        "{} is a Git LFS pointer, not the file itself; run `git lfs pull` in the repository it comes from",
        .0.display()
    )]
    GitLfsPointer(PathBuf),
    /// A file is longer than the limit for its kind.
    #[error("{} is longer than {limit} bytes unpacked; check that it is the right file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}: {}", path.display(), access::explain(path, cause))]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
}
