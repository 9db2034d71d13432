//! Input of a command: a file or standard input.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::error::CliError;
use super::output::STDIO;
use crate::input;

/// Opens a regular file.
///
/// # Errors
/// [`CliError::NotFound`]; [`CliError::Failed`] if it is not a regular file or cannot be read.
pub(crate) fn open(path: &Path) -> Result<File, CliError> {
    input::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CliError::NotFound(format!("{} does not exist", path.display())),
        io::ErrorKind::IsADirectory => {
            CliError::Failed(format!("{} is a folder; name a file", path.display()))
        }
        io::ErrorKind::InvalidInput => {
            CliError::Failed(format!("{} is not a regular file; copy it to one", path.display()))
        }
        _ => CliError::Failed(format!("cannot read {}: {error}; check its permissions", path.display())),
    })
}

/// Opens a file, or standard input if its name is `-`.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_or_stdin(path: &Path) -> Result<Box<dyn Read>, CliError> {
    Ok(if path == Path::new(STDIO) { Box::new(io::stdin().lock()) } else { Box::new(open(path)?) })
}
