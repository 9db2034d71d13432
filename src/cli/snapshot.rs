//! `snapshot`: a stopped data folder as it is into one file, and back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::output::{Output, is_stdout};
use super::{CliError, DataDirArgs, input, show, tell};
use crate::{
    config::{Config, Flags},
    store::{
        StoreError,
        image::{self, ImageError, ImageSize},
    },
};

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with a snapshot.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Save a stopped data folder as it is, without secret and configuration
    Save {
        /// The data folder; no server may be using it
        #[command(flatten)]
        folder: DataDirArgs,
        /// File to write, or - for standard output; a file appears whole or not at all
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Make a data folder of a snapshot, every file of it verified
    Load {
        /// The snapshot, or - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Folder to make; it must be absent or empty
        #[command(flatten)]
        folder: DataDirArgs,
    },
}

impl SnapshotArgs {
    /// The settings among the arguments.
    pub fn add_flags(&self, flags: &mut Flags) {
        match &self.action {
            Action::Save { folder, .. } | Action::Load { folder, .. } => folder.add_flags(flags),
        }
    }
}

/// Saves or loads.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &SnapshotArgs, config: &Config) -> Result<(), CliError> {
    let dir = config.require_data_dir()?;
    match &args.action {
        Action::Save { file, force, .. } => save(dir, file, *force),
        Action::Load { file, .. } => load(file, dir),
    }
}

fn save(dir: &Path, path: &Path, force: bool) -> Result<(), CliError> {
    let mut output = Output::open(path, force)?;
    let size = image::save(dir, &mut output).map_err(failed)?;
    let packed = output.written();
    output.finish()?;
    let saved = |to: &str| format!("saved {}, {packed} bytes packed, to {to}", describe(size));
    if is_stdout(path) {
        tell(&saved("standard output"));
        return Ok(());
    }
    show(&saved(&path.display().to_string()))
}

fn load(path: &Path, dir: &Path) -> Result<(), CliError> {
    let size = image::load(input::open_or_stdin(path)?, dir).map_err(failed)?;
    show(&format!("loaded {} into {}", describe(size), dir.display()))
}

fn describe(size: ImageSize) -> String {
    format!("{} files of {} bytes", size.files, size.bytes)
}

fn failed(error: ImageError) -> CliError {
    match error {
        ImageError::Store(error @ (StoreError::Locked { .. } | StoreError::Folder { .. })) => {
            CliError::DataFolder(error.to_string())
        }
        ImageError::Store(error) => error.into(),
        ImageError::NoFolder(_) | ImageError::Unfinished(_) | ImageError::Occupied(_) => {
            CliError::DataFolder(error.to_string())
        }
        ImageError::Io { .. } | ImageError::Write(_) | ImageError::Format { .. } | ImageError::Damaged(_) => {
            CliError::Failed(error.to_string())
        }
    }
}
