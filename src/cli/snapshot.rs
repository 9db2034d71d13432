//! `snapshot`: a stopped data folder as it is into one file, and back.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{CliError, DataDirArgs, show};
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
        /// File to write; it appears whole or not at all
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Make a data folder of a snapshot, every file of it verified
    Load {
        /// The snapshot
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
    let exists = || {
        CliError::Failed(format!(
            "{} exists already; choose another file, or pass --force to replace it",
            path.display()
        ))
    };
    if path.exists() && !force {
        return Err(exists());
    }
    let unwritable = |cause| CliError::Output { path: path.to_owned(), cause };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666))
    };
    let mut file = builder.prefix(".snapshot-").tempfile_in(parent).map_err(unwritable)?;
    let size = image::save(dir, &mut file).map_err(failed)?;
    file.as_file().sync_all().map_err(unwritable)?;
    let packed = file.as_file().metadata().map_err(unwritable)?.len();
    let persisted = if force { file.persist(path) } else { file.persist_noclobber(path) };
    persisted.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => unwritable(error.error),
    })?;
    show(&format!("saved {}, {packed} bytes packed, to {}", describe(size), path.display()))
}

fn load(path: &Path, dir: &Path) -> Result<(), CliError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CliError::NotFound(format!("{} does not exist", path.display())),
        _ => CliError::Failed(format!("cannot read {}: {error}; check its permissions", path.display())),
    })?;
    let size = image::load(file, dir).map_err(failed)?;
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
