//! Forks of a chain: its blocks are imported into an empty data folder, and the devnet continues
//! after the last one.

use std::cell::Cell;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::backup::{self, BackupReader, Kind, RestoreError};
use crate::chain_folder::{ChainFile, ChainFolder, ChainFolderError};
use crate::config::Config;
use crate::service::open_store;
use crate::store::{Imported, StoreError};
use crate::workers::{ImportError, Node};

/// The reason why a chain cannot be forked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForkError {
    /// The chain folder is not usable.
    #[error(transparent)]
    Folder(#[from] ChainFolderError),
    /// A block does not follow from the one before it, so that it cannot be proven.
    #[error("{} cannot be proven: {reason}; export the chain again", path.display())]
    Quarantined {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The backup cannot be opened.
    #[error("cannot open {}: {cause}; give a chain folder or a backup", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The backup cannot be restored.
    #[error("cannot restore {}: {cause}", path.display())]
    Restore {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: RestoreError,
    },
    /// The backup is one of a folder that lacks the first blocks of its chain.
    #[error(
        "{} begins with the state after block {block}, and a devnet needs every block of its chain; give a chain folder, or a backup that begins \
         with block 1",
        path.display()
    )]
    BeginsLate {
        /// The file.
        path: PathBuf,
        /// The block before the first one.
        block: u32,
    },
    /// A file of the chain folder cannot be imported.
    #[error("{} cannot be imported: {cause}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: Box<ImportError>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Restores a backup into an empty data folder. A chain folder is only opened: it is imported later
/// ([`import`]).
///
/// # Errors
/// [`ForkError`].
pub(super) fn prepare(source: &Path, folder: &Path, config: &Config) -> Result<(), ForkError> {
    if source.is_dir() {
        ChainFolder::open(source)?;
        return Ok(());
    }
    let path = source.to_owned();
    let file = || match File::open(source) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(cause) => Err(ForkError::Backup { path: path.clone(), cause }),
    };
    // Other faults of the backup are reported by its restore.
    let first = BackupReader::open(file()?).and_then(|mut backup| backup.next_entry());
    if let Ok(Some(genesis)) = first
        && genesis.kind == Kind::Genesis
        && genesis.first > 0
    {
        return Err(ForkError::BeginsLate { path, block: genesis.first });
    }
    let open = |dir: &Path| open_store(config, dir);
    match backup::restore(file()?, folder, &open, false, &|_, _, _| {}) {
        Ok(_) => Ok(()),
        Err(cause) => Err(ForkError::Restore { path, cause }),
    }
}

/// Imports a chain folder.
///
/// # Errors
/// [`ForkError`].
pub(super) fn import(source: &Path, node: &Node) -> Result<(), ForkError> {
    if !source.is_dir() {
        return Ok(());
    }
    let chain = ChainFolder::open(source)?;
    let import = |file: &ChainFile, import: &dyn Fn(&[u8]) -> Result<(), ImportError>| {
        let path = file.path().to_owned();
        import(&file.read()?).map_err(|cause| ForkError::Import { path, cause: cause.into() })
    };
    import(chain.genesis(), &|json| node.import_genesis(json, &|_, _| {}).map(drop))?;
    for block in chain.blocks() {
        let quarantined = Cell::new(None);
        import(&block.file, &|json| {
            if let (_, Imported::Quarantined(reason)) = node.import_block(json)? {
                quarantined.set(Some(reason));
            }
            Ok(())
        })?;
        if let Some(reason) = quarantined.take() {
            return Err(ForkError::Quarantined { path: block.file.path().to_owned(), reason });
        }
    }
    for operation in chain.aggregated_operations() {
        import(operation, &|json| node.import_aggregated_operation(json).map(drop))?;
    }
    Ok(())
}
