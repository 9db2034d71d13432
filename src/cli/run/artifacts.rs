//! The folder of `run --artifacts`: everything that a pipeline keeps of a run.
//!
//! | file | content |
//! | --- | --- |
//! | `junit.xml` | the JUnit report |
//! | `summary.json` | the summary |
//! | `server.log` | the log, from level info on |
//! | `block-N.bundle` | the bundle of a block at fault |
//! | `block-N.txt` | the reason why such a block has no bundle, and what to do |

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::bundle::{self, ExportError};
use crate::cli::error::CliError;
use crate::cli::output::{unwritable, write_output};
use crate::store::{Store, StoreError};

/// Maximum number of blocks at fault that are kept: the others wait for the first ones.
const MAX_BLOCKS: usize = 10;
/// Longest wait for the tree before a quarantined block.
const TREE_TIMEOUT: Duration = Duration::from_secs(20);
/// Interval of the checks of the tree.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Returns the file of the JUnit report.
pub(super) fn report(folder: &Path) -> PathBuf {
    folder.join("junit.xml")
}

/// Returns the file of the summary.
pub(super) fn summary(folder: &Path) -> PathBuf {
    folder.join("summary.json")
}

/// Creates the folder, removes the files of an earlier run, and opens the log.
///
/// # Errors
/// [`CliError::Output`].
pub(super) fn begin(folder: &Path) -> Result<File, CliError> {
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    for entry in fs::read_dir(folder).map_err(unwritable(folder))? {
        let path = entry.map_err(unwritable(folder))?.path();
        if is_artifact(&path) {
            fs::remove_file(&path).map_err(unwritable(&path))?;
        }
    }
    let log = folder.join("server.log");
    File::create(&log).map_err(unwritable(&log))
}

/// Returns true for the names of files that a run writes; other files stay.
fn is_artifact(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let of_block = |name: &str| name.strip_prefix("block-").and_then(|number| number.parse::<u32>().ok());
    let block = name.strip_suffix(".bundle").or(name.strip_suffix(".txt")).and_then(of_block);
    ["junit.xml", "summary.json"].contains(&name) || block.is_some()
}

/// Waits until the tree has reached the block before the first quarantined one, as its bundle needs:
/// a block can be quarantined at its import, long before. The workers of the store run meanwhile.
///
/// # Errors
/// Fails if the store cannot be read.
pub(super) fn wait_for_tree(store: &Store) -> Result<(), StoreError> {
    let Some((block, _)) = store.chain().quarantined_from(0, 1)?.into_iter().next() else { return Ok(()) };
    let start = Instant::now();
    while store.tree().head()?.saturating_add(1) < block && start.elapsed() < TREE_TIMEOUT {
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Writes a bundle of each block at fault, or the reason why it has none.
///
/// # Errors
/// Fails if the store cannot be read, and with [`CliError::Output`] if a file cannot be written.
pub(super) fn keep_blocks(folder: &Path, store: &Store, blocks: &[u32], now_ms: u64) -> Result<(), CliError> {
    for number in blocks.iter().take(MAX_BLOCKS) {
        let exported = bundle::export(store, *number, now_ms);
        let file = exported.and_then(|bundle| bundle.to_file().map_err(ExportError::from));
        let (name, bytes) = match file {
            Ok(bytes) => (format!("block-{number}.bundle"), bytes),
            Err(error) => {
                let reason = match store.chain().block(*number)? {
                    Some(_) => error.to_string(),
                    None => not_imported(store, *number)?,
                };
                let text = format!("There is no bundle of block {number}: {reason}\n");
                (format!("block-{number}.txt"), text.into_bytes())
            }
        };
        write_output(Some(&folder.join(name)), true, &bytes)?;
    }
    Ok(())
}

/// Returns the reason why a block was not imported.
fn not_imported(store: &Store, number: u32) -> Result<String, StoreError> {
    let ended = format!("the run ended before block {number} was imported");
    let quarantined = store.chain().quarantined_from(0, 1)?.into_iter().next();
    Ok(match quarantined.filter(|(block, _)| *block < number) {
        Some((block, _)) => format!("block {block} is quarantined, and {ended}"),
        None => ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_run_are_removed() {
        for name in ["junit.xml", "summary.json", "block-7.bundle", "block-12.txt"] {
            assert!(is_artifact(Path::new(name)), "{name}");
        }
        for name in ["block-x.txt", "block-7.json", "notes.txt", "my-block-7.bundle", "junit.xml.old"] {
            assert!(!is_artifact(Path::new(name)), "{name}");
        }
    }
}
