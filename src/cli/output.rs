//! Where a command's data goes: standard output, or a file that is there whole or not at all.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::CliError;

/// Writes `bytes` to `out`, or to standard output. Who closes the pipe early (`| head`) has had enough: no error.
///
/// # Errors
/// [`CliError::Output`].
pub fn write_output(out: Option<&Path>, bytes: &[u8]) -> Result<(), CliError> {
    match out {
        Some(path) => {
            write_file(path, bytes).map_err(|cause| CliError::Output { path: path.to_owned(), cause })
        }
        None => {
            let mut stdout = io::stdout().lock();
            match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
                    Err(CliError::Output { path: PathBuf::from("standard output"), cause })
                }
                _ => Ok(()),
            }
        }
    }
}

/// Writes a line, or several, to standard output.
///
/// # Errors
/// [`CliError::Output`].
pub fn show(text: &str) -> Result<(), CliError> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write_output(None, format!("{text}{end}").as_bytes())
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A device or a pipe is written to; replacing it by a file would be a surprise.
    if path.exists() && !path.is_file() {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666))
    };
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_device_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        write_output(Some(&path), b"long text").unwrap();
        write_output(Some(&path), b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        let error = write_output(Some(&folder.path().join("no/where")), b"").unwrap_err();
        assert!(error.to_string().starts_with("cannot write"), "{error}");
        #[cfg(unix)]
        write_output(Some(Path::new("/dev/null")), b"x").unwrap();
    }
}
