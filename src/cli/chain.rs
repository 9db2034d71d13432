//! `chain export`: writes a chain as a chain folder.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::backup::read_backup;
use super::error::CliError;
use super::flags;
use super::output::{show, unwritable};
use super::restore::backup_error;
use crate::{
    backup::{self, Entry, Kind},
    config::Config,
    domain::AggregatedOperation,
    fsync,
};

/// Arguments of `chain`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct ChainArgs {
    /// What to do with the chain
    #[command(subcommand)]
    pub action: ChainAction,
}

/// What can be done with a chain.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ChainAction {
    /// Write genesis, blocks and aggregated operations as a chain folder, which `import`, `run` and
    /// `devnet --fork-from` read
    Export {
        /// Folder to create; it appears whole or not at all
        #[arg(short, long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

/// Writes the chain of a data folder or of a running server.
///
/// # Errors
/// Fails if the chain cannot be read, if it has no block, or if the folder exists or cannot be
/// written.
pub(crate) fn run(args: &ChainArgs, config: &Config) -> Result<(), CliError> {
    let ChainAction::Export { out } = &args.action;
    if out.exists() {
        return Err(CliError::Usage(format!("{} exists; name a folder that does not", out.display())));
    }
    let folder = out.clone();
    let (blocks, operations) = read_backup(config, move |source| export(source, &folder))?;
    show(&format!("{}: {blocks} blocks and {operations} aggregated operations", out.display()))
}

/// Writes the entries of a backup as a chain folder; returns the numbers of blocks and operations.
fn export(source: impl Read, out: &Path) -> Result<(u64, u64), CliError> {
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.exists() {
        // A killed export left it.
        fs::remove_dir_all(&part).map_err(unwritable(&part))?;
    }
    let written = write(source, &part).and_then(|counts| {
        fsync::rename(&part, out).map_err(unwritable(out))?;
        fsync::sync_folder_if_supported(fsync::folder_of(out)).map_err(unwritable(out))?;
        Ok(counts)
    });
    if written.is_err() {
        // If it cannot be removed, its name shows that it is not whole.
        let _ = fs::remove_dir_all(&part);
    }
    written
}

fn write(source: impl Read, folder: &Path) -> Result<(u64, u64), CliError> {
    let parts = ["blocks", "aggregated_operations", ""].map(|name| folder.join(name));
    for path in &parts {
        fs::create_dir_all(path).map_err(unwritable(path))?;
    }
    let mut operations = 0;
    let mut failed = None;
    let verified = backup::verify(source, |_, entry| {
        if failed.is_none() {
            failed = write_entry(folder, entry, &mut operations).err();
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let (_, counts) = verified.map_err(|error| backup_error("the chain", error))?;
    for path in &parts {
        fsync::sync_folder_if_supported(path).map_err(unwritable(path))?;
    }
    match counts.blocks {
        0 => Err(CliError::NotFound("the chain has no block yet; import or seal one first".to_owned())),
        blocks => Ok((blocks, operations)),
    }
}

fn write_entry(folder: &Path, entry: &Entry, operations: &mut u64) -> Result<(), CliError> {
    let path = match entry.kind {
        Kind::Genesis if entry.first > 0 => {
            return Err(CliError::Failed(format!(
                "the data folder began with the state after block {}, and a chain folder begins with block 1; `backup` writes everything that it \
                 has",
                entry.first
            )));
        }
        Kind::Genesis => folder.join("genesis.json"),
        Kind::Block => folder.join(format!("blocks/{:06}.json", entry.first)),
        Kind::AggregatedOperation => {
            let operation: AggregatedOperation = serde_json::from_slice(&entry.body).map_err(|error| {
                CliError::Findings(format!("an aggregated operation is not readable: {error}"))
            })?;
            *operations += 1;
            let (first, last, action) = (entry.first, entry.last, operation.action());
            folder.join(format!("aggregated_operations/{operations:06}-{action}-{first}-{last}.json"))
        }
        _ => return Ok(()),
    };
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&entry.body)?;
        fsync::sync_file(&file)
    });
    written.map_err(unwritable(&path))
}
