//! Output of a command: standard output, a device or pipe, or a file that appears whole or not at
//! all.

use std::{
    fs::{File, TryLockError},
    io::{self, IsTerminal, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

use super::colour::TonedText;
use super::error::CliError;
use crate::{access, fsync, printable};

/// The file name of standard output, and of standard input where a file is read.
pub(crate) const STDIO: &str = "-";

/// Returns true if this path stands for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new(STDIO)
}

/// Returns true if this path is written in place and never replaced: standard output, a device, a
/// pipe.
pub(crate) fn is_stream(path: &Path) -> bool {
    is_stdout(path) || (path.exists() && !path.is_file())
}

/// Writes `bytes` to `out`, or to standard output. A pipe that its reader closed (`| head`) is not
/// an error; an existing file is one, unless `replace` is true.
///
/// # Errors
/// [`CliError::Output`], [`CliError::Failed`].
pub(crate) fn write_output(out: Option<&Path>, replace: bool, bytes: &[u8]) -> Result<(), CliError> {
    match out {
        Some(path) if !is_stdout(path) => {
            let mut file = Output::open(path, replace)?;
            file.write_all(bytes).map_err(unwritable(path))?;
            file.finish()
        }
        _ => {
            // Stored bytes are written verbatim, but not to a terminal.
            let terminal = io::stdout().is_terminal();
            let shown = terminal.then(|| printable::lines(&String::from_utf8_lossy(bytes)));
            write_stdout(shown.as_ref().map_or(bytes, String::as_bytes))
        }
    }
}

fn write_stdout(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(unwritable(Path::new("standard output"))(cause))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard output. What is not printable is escaped, line breaks as well.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn show(line: &str) -> Result<(), CliError> {
    write_output(None, false, format!("{}\n", printable::line(line)).as_bytes())
}

/// Writes one or more lines to standard output. Text from outside in them has passed
/// [`printable::line`].
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn show_lines(text: &str) -> Result<(), CliError> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write_output(None, false, format!("{}{end}", printable::lines(text)).as_bytes())
}

/// Writes one or more lines to standard output, coloured on a terminal.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn show_toned(text: &TonedText) -> Result<(), CliError> {
    let mut text = text.written(printable::has_colours(&io::stdout()));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    write_stdout(text.as_bytes())
}

/// Logs that a line of a running server could not be written: the server depends neither on a reader
/// nor on the space for a file.
pub(crate) fn announced(shown: Result<(), CliError>) {
    if let Err(error) = shown {
        tracing::warn!(%error, "the server continues without its output");
    }
}

/// Writes a line to standard error. A closed standard error is ignored, where `eprintln!` would
/// panic.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable::line(line));
}

/// Writes one or more lines to standard error, coloured on a terminal.
pub(crate) fn tell_toned(text: &TonedText) {
    let mut stderr = io::stderr().lock();
    let text = text.written(printable::has_colours(&stderr));
    let _ = writeln!(stderr, "{}", text.trim_end_matches('\n'));
}

/// Checks before a long command that its result can be written to the path.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn probe(path: &Path) -> Result<(), CliError> {
    if path.is_dir() {
        return Err(unwritable(path)(io::ErrorKind::IsADirectory.into()));
    }
    if is_stream(path) {
        return Ok(());
    }
    PartFile::create(path).map(drop)
}

/// An output that is being written.
pub(crate) struct Output {
    path: PathBuf,
    to: To,
}

enum To {
    Stdout(io::Stdout),
    /// A device or a pipe, which must not be replaced by a file.
    Device(File),
    File {
        part: PartFile,
        replace: bool,
    },
}

/// A file named `PATH.part` until it is whole. One that a killed process left is overwritten by the
/// next output to the same path; one that is being written is locked.
struct PartFile {
    file: File,
    /// Removes the file when it is dropped.
    name: TempPath,
}

impl PartFile {
    fn create(path: &Path) -> Result<Self, CliError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let name = PathBuf::from(name);
        let mut open = File::options();
        // Reading as well, since the opening of a named pipe for writing waits for its reader.
        open.read(true).write(true).create(true).truncate(false);
        let file = open.open(&name).map_err(unwritable(path))?;
        let busy = || {
            let name = name.display();
            CliError::Failed(format!("another command writes {name}; wait for it, or choose another file"))
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(busy()),
            // Without locks, two commands that write the same file at once are not noticed.
            Err(TryLockError::Error(error)) if !access::is_unsupported(&error) => {
                return Err(unwritable(path)(error));
            }
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        // Another command may have finished it in between, so that it has its final name.
        let (open, named) = (file.metadata(), std::fs::metadata(&name));
        let (open, named) = open.and_then(|open| Ok((open, named?))).map_err(unwritable(path))?;
        if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
            return Err(busy());
        }
        file.set_len(0).map_err(unwritable(path))?;
        Ok(Self { file, name: TempPath::try_from_path(name).map_err(unwritable(path))? })
    }
}

impl Output {
    /// Starts an output to `path`; an existing file is replaced at the end, or is an error.
    ///
    /// # Errors
    /// [`CliError::Output`], [`CliError::Failed`].
    pub(crate) fn open(path: &Path, replace: bool) -> Result<Self, CliError> {
        let to = if is_stdout(path) {
            To::Stdout(io::stdout())
        } else if is_stream(path) {
            To::Device(File::options().write(true).open(path).map_err(unwritable(path))?)
        } else if path.exists() && !replace {
            return Err(occupied(path));
        } else {
            To::File { part: PartFile::create(path)?, replace }
        };
        Ok(Self { path: path.to_owned(), to })
    }

    /// Makes the file appear, whole and durable.
    ///
    /// # Errors
    /// [`CliError::Output`]; [`CliError::Failed`] if the file was created meanwhile.
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        let path = &self.path;
        let failed = || unwritable(path);
        match &mut self.to {
            To::Stdout(stdout) => return stdout.flush().map_err(failed()),
            To::Device(file) => return file.flush().map_err(failed()),
            To::File { .. } => {}
        }
        let To::File { part: PartFile { file, name }, replace } = self.to else { return Ok(()) };
        fsync::sync_file(&file).map_err(failed())?;
        let kept = if replace { name.persist(path) } else { name.persist_noclobber(path) };
        kept.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => occupied(path),
            _ => unwritable(path)(error.error),
        })?;
        fsync::sync_folder_if_supported(fsync::folder_of(path)).map_err(failed())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.write(bytes),
            To::Device(file) => file.write(bytes),
            To::File { part, .. } => part.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.flush(),
            To::Device(file) => file.flush(),
            To::File { part, .. } => part.file.flush(),
        }
    }
}

/// Returns the error of an output.
pub(crate) fn unwritable(path: &Path) -> impl Fn(io::Error) -> CliError {
    move |cause| CliError::Output { path: path.to_owned(), cause }
}

/// Returns the error of a file that must not be replaced.
pub(crate) fn occupied(path: &Path) -> CliError {
    CliError::Failed(format!(
        "{} exists already; choose another file, or pass --force to replace it",
        path.display()
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_device_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        write_output(Some(&path), false, b"long text").unwrap();
        assert!(write_output(Some(&path), false, b"short").is_err());
        write_output(Some(&path), true, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        let error = write_output(Some(&folder.path().join("no/where")), false, b"").unwrap_err();
        assert!(error.to_string().starts_with("cannot write"), "{error}");
        #[cfg(unix)]
        write_output(Some(Path::new("/dev/null")), false, b"x").unwrap();
    }

    #[test]
    fn an_unfinished_output_leaves_nothing_and_an_existing_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut half = Output::open(&path, false).unwrap();
        half.write_all(b"half").unwrap();
        drop(half);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // The file of a killed process is overwritten, that of a running one is not.
        std::fs::write(folder.path().join("out.part"), "left by a kill").unwrap();
        let late = Output::open(&path, false).unwrap();
        assert!(Output::open(&path, false).is_err());
        std::fs::write(&path, "first").unwrap();
        assert!(late.finish().unwrap_err().to_string().contains("--force"));
        assert!(Output::open(&path, false).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn an_unwritable_path_is_found_by_the_probe() {
        let folder = tempfile::tempdir().unwrap();
        probe(&folder.path().join("report.xml")).unwrap();
        probe(Path::new(STDIO)).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        for path in [folder.path().to_owned(), folder.path().join("no/where")] {
            assert!(probe(&path).is_err(), "{}", path.display());
        }
    }
}
