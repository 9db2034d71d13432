//! Input of a command: a file or standard input.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::error::CliError;
use super::output::STDIO;

/// Opens a file.
///
/// # Errors
/// [`CliError::NotFound`]; [`CliError::Failed`] if it is a folder or cannot be read.
pub(crate) fn open(path: &Path) -> Result<File, CliError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => CliError::NotFound(format!("{} does not exist", path.display())),
        _ => CliError::Failed(format!("cannot read {}: {error}; check its permissions", path.display())),
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(CliError::Failed(format!("{} is a folder; name a file", path.display())));
    }
    Ok(file)
}

/// Opens a file, or standard input if its name is `-`.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn open_or_stdin(path: &Path) -> Result<Box<dyn Read>, CliError> {
    Ok(if path == Path::new(STDIO) { Box::new(io::stdin().lock()) } else { Box::new(open(path)?) })
}
