//! Input of a command: a file or standard input.

use std::{
    env,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use super::error::CliError;
use super::output::STDIO;
use crate::input;

/// Number of bytes of standard input that are copied at once.
const PART_BYTES: usize = 1 << 18;

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

/// Copies standard input into a temporary file, which can be read more than once.
///
/// # Errors
/// [`CliError::Failed`] if standard input cannot be read or copied.
pub(crate) fn copy_of_stdin() -> Result<File, CliError> {
    let unwritable = |error: io::Error| {
        let folder = env::temp_dir();
        CliError::Failed(format!(
            "cannot copy standard input to a temporary file in {}: {error}; set TMPDIR to a folder with enough space",
            folder.display()
        ))
    };
    let mut copy = tempfile::tempfile().map_err(unwritable)?;
    let mut part = vec![0; PART_BYTES];
    loop {
        match io::stdin().lock().read(&mut part) {
            Ok(0) => return Ok(copy),
            Ok(bytes) => copy.write_all(&part[..bytes]).map_err(unwritable)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CliError::Failed(format!("cannot read standard input: {error}"))),
        }
    }
}
