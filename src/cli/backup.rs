//! `backup`: everything that nothing else can be derived from into one file, from a data folder or a running server.

use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use tokio::sync::mpsc::{Receiver, channel};

use super::output::{Output, is_stdout, is_stream, occupied, unwritable};
use super::restore::{backup_error, describe};
use super::{CliError, Stages, Target, TargetArgs, client, folder, runtime, show, tell};
use crate::{
    api::paths,
    backup::{self, BackupError, BackupSource, Kind},
    config::Config,
    fsync,
};

/// Parts of an answer that wait to be written.
const PARTS: usize = 4;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// What to back up
    #[command(flatten)]
    pub target: TargetArgs,
    /// File to write, or - for standard output; a file appears whole or not at all
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
}

/// Writes a backup. It is verified as it is written: what is there in the end can be restored.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &BackupArgs, config: &Config) -> Result<(), CliError> {
    let standing = match args.target.resolve(config)? {
        Target::Folder(folder) => {
            let snapshot = folder::open_existing(config, &folder)?.read_view()?;
            Out::new(&args.out, args.force)?.write(BackupSource::new(snapshot))?
        }
        Target::Server(url) => {
            let client = client(config, &url)?;
            let out = Out::new(&args.out, args.force)?;
            runtime()?.block_on(async {
                let (send, receive) = channel(PARTS);
                let writing = tokio::task::spawn_blocking(move || out.write(Parts::new(receive)));
                let take = async |part| send.send(part).await.is_ok();
                let received = client.get_parts(paths::BACKUP, take).await;
                // Without the end of the backup the writer sees that it was cut short, and removes what it wrote.
                drop(send);
                let written = writing.await.map_err(|error| CliError::Failed(error.to_string()))?;
                received.map_err(CliError::from).and(written)
            })?
        }
    };
    if is_stdout(&args.out) {
        tell(&standing);
        return Ok(());
    }
    show(&standing)
}

/// Where a backup goes.
enum Out {
    /// Standard output, a device or a pipe.
    Stream(Output),
    /// The file, and what it is called until it is whole.
    File { path: PathBuf, part: PathBuf, file: File },
}

impl Out {
    fn new(path: &Path, force: bool) -> Result<Self, CliError> {
        if is_stream(path) {
            return Ok(Self::Stream(Output::open(path, force)?));
        }
        if path.exists() && !force {
            return Err(occupied(path));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // What a backup that was killed left under that name is overwritten; one that is under way is not.
        let mut open = File::options();
        let file = open.write(true).create(true).truncate(false).open(&part).map_err(unwritable(&part))?;
        if file.try_lock().is_err() {
            return Err(CliError::Failed(format!(
                "another backup is being written to {}; wait for it, or choose another --out",
                part.display()
            )));
        }
        file.set_len(0).map_err(unwritable(&part))?;
        Ok(Self::File { path: path.to_owned(), part, file })
    }

    /// Writes and verifies a backup; gives what it is, in a line.
    fn write(self, source: impl Read) -> Result<String, CliError> {
        let (path, part, file) = match self {
            Self::Stream(mut output) => {
                let standing = copy(source, &mut output, Path::new("the output"))?;
                output.finish()?;
                return Ok(standing);
            }
            Self::File { path, part, file } => (path, part, file),
        };
        let whole = copy(source, &mut BufWriter::new(&file), &part).and_then(|standing| {
            fsync::sync_file(&file).map_err(unwritable(&part))?;
            fsync::rename_durably(&part, &path).map_err(unwritable(&path))?;
            Ok(format!("{}: {standing}", path.display()))
        });
        if whole.is_err() {
            // It is no backup; should it stay, its name says so.
            let _ = fs::remove_file(&part);
        }
        whole
    }
}

/// Copies and verifies a backup, and shows progress.
fn copy(source: impl Read, out: &mut impl Write, name: &Path) -> Result<String, CliError> {
    let mut failed = None;
    let tee = Tee { source, out: &mut *out, failed: &mut failed };
    let stages = Stages::default();
    let verified = backup::verify(tee, |about, entry| {
        let head = u64::from(about.head);
        match entry.kind {
            Kind::Block => stages.set("blocks", entry.first.into(), head),
            Kind::Proof => stages.set("proofs", entry.first.into(), head),
            _ => {}
        }
    });
    drop(stages);
    if let Some(cause) = failed {
        return Err(unwritable(name)(cause));
    }
    let (about, counts) = verified.map_err(|error| match error {
        BackupError::CutShort { .. } => {
            CliError::Failed("the backup broke off; nothing was kept of it, take it again".to_owned())
        }
        error => backup_error("the backup", error),
    })?;
    out.flush().map_err(unwritable(name))?;
    Ok(describe(&about, counts))
}

/// Writes what is read.
struct Tee<'a, R, W> {
    source: R,
    out: &'a mut W,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(part)?;
        if let Err(error) = self.out.write_all(&part[..read]) {
            *self.failed = Some(error);
            return Err(io::Error::other("the output failed"));
        }
        Ok(read)
    }
}

/// The parts of an answer, read where blocking is allowed.
struct Parts {
    receive: Receiver<Bytes>,
    part: Cursor<Bytes>,
}

impl Parts {
    fn new(receive: Receiver<Bytes>) -> Self {
        Self { receive, part: Cursor::new(Bytes::new()) }
    }
}

impl Read for Parts {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(part)?;
            if read > 0 || part.is_empty() {
                return Ok(read);
            }
            let Some(next) = self.receive.blocking_recv() else { return Ok(0) };
            self.part = Cursor::new(next);
        }
    }
}
