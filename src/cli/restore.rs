//! `restore`: creates a data folder from a backup.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::output::{STDIO, show, tell};
use super::progress::Phases;
use super::text_table::time;
use super::{flags, folder, input};
use crate::{
    backup::{self, About, BackupError, Counts, Kind, RestoreError, Restored},
    config::Config,
    service::open_store,
    store::StoreError,
};

/// Maximum number of omitted items that are printed.
const SHOWN: usize = 20;

/// Number of bytes of a backup that are read at once.
const READ_BYTES: usize = 1 << 18;

/// Arguments of `restore`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&["data_dir"]))]
pub(crate) struct RestoreArgs {
    /// The backup, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only read the backup to its end and compare every hash; restore nothing
    #[arg(long, conflicts_with_all = ["data_dir", "keep_going"])]
    pub check: bool,
    /// Omit items that fail their checks, instead of restoring nothing
    #[arg(long)]
    pub keep_going: bool,
}

/// Verifies the backup, then restores it, all or nothing, into a data folder that is absent or
/// empty.
///
/// # Errors
/// Fails if the backup is damaged, or if the folder is occupied or cannot be written.
pub(crate) fn run(args: &RestoreArgs, config: &Config) -> Result<(), CliError> {
    let name = name_of(&args.file);
    if args.check {
        let (about, counts) = check(input::open_or_stdin(&args.file)?, &name)?;
        return show(&format!("{name} is whole: {}", describe(&about, counts)));
    }
    let dir = config.require_data_dir()?;
    folder::warn_of_owner(dir);
    let given = (args.file != Path::new(STDIO)).then(|| input::open(&args.file)).transpose()?;
    // Before the backup is read, which may take long.
    backup::require_vacant(dir).map_err(|error| restore_error(&name, error))?;
    let file = given.map_or_else(input::copy_of_stdin, Ok)?;
    // Damage at the end is found now, not after the accounts of a large genesis have been hashed.
    check(from_start(&file, &name)?, &name)?;
    let phases = Phases::default();
    let open_store = |dir: &Path| open_store(config, dir);
    let source = BufReader::with_capacity(READ_BYTES, from_start(&file, &name)?);
    let restored = backup::restore(source, dir, &open_store, args.keep_going, &|what, done, total| {
        phases.set(what, done, total);
    });
    drop(phases);
    let Restored { about, report, .. } = restored.map_err(|error| restore_error(&name, error))?;
    for omitted in report.omitted.iter().take(SHOWN) {
        tell(&format!("omitted: {omitted}"));
    }
    let genesis = if report.genesis { "the genesis" } else { "no genesis" };
    show(&format!(
        "restored {genesis}, {} blocks ({} quarantined), {} aggregated operations, {} proofs, {} aggregated proofs as of {}; \
         omitted {}",
        report.blocks,
        report.quarantined,
        report.aggregated_operations,
        report.proofs,
        report.aggregated_proofs,
        time(about.at_ms),
        report.omitted.len()
    ))
}

/// Returns the name of a backup in messages.
fn name_of(file: &Path) -> String {
    if file == Path::new(STDIO) { "standard input".into() } else { file.display().to_string() }
}

/// Returns a reader of the file, from its start.
fn from_start<'a>(mut file: &'a File, name: &str) -> Result<&'a File, CliError> {
    file.rewind().map_err(|error| CliError::Failed(format!("cannot read {name}: {error}")))?;
    Ok(file)
}

/// Reads the backup to its end.
fn check(source: impl Read, name: &str) -> Result<(About, Counts), CliError> {
    let phases = Phases::default();
    let verified = backup::verify(BufReader::with_capacity(READ_BYTES, source), |about, entry| {
        if entry.kind == Kind::Block {
            phases.set("blocks verified", entry.first.into(), about.head.into());
        }
    });
    verified.map_err(|error| backup_error(name, error))
}

/// Returns a summary of a backup in one line.
pub(super) fn describe(about: &About, counts: Counts) -> String {
    let Counts { blocks, aggregated_operations, proofs, aggregated_proofs, .. } = counts;
    format!(
        "{blocks} blocks, {aggregated_operations} aggregated operations, {proofs} proofs, {aggregated_proofs} aggregated \
         proofs as of {}",
        time(about.at_ms)
    )
}

/// Returns the error of a backup, or of the store that it is read from.
pub(super) fn backup_error(name: &str, error: BackupError) -> CliError {
    let error = match error {
        BackupError::Io(error) => match error.downcast::<StoreError>() {
            Ok(error) => return error.into(),
            Err(error) => BackupError::Io(error),
        },
        error => error,
    };
    CliError::Failed(format!("{name}: {error}"))
}

fn restore_error(name: &str, error: RestoreError) -> CliError {
    match error {
        RestoreError::Backup(error) => backup_error(name, error),
        RestoreError::Store(error @ (StoreError::Locked { .. } | StoreError::Folder { .. })) => {
            CliError::DataFolder(error.to_string())
        }
        RestoreError::Store(error) => error.into(),
        RestoreError::Occupied { .. } | RestoreError::Folder { .. } => {
            CliError::DataFolder(error.to_string())
        }
        RestoreError::Invalid(_) => CliError::Failed(error.to_string()),
    }
}
