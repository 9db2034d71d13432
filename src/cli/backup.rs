//! `backup`: writes everything that cannot be derived into one file, from a data folder or a
//! running server.

use std::io::{self, BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::error::CliError;
use super::output::{Output, is_stream, show, tell, unwritable};
use super::progress::Phases;
use super::restore::{backup_error, describe};
use super::runtime::runtime;
use super::target::Target;
use super::{flags, folder};
use crate::{
    api::paths,
    backup::{self, BackupError, BackupSource, Kind},
    client::{Client, ClientError},
    config::Config,
};

/// Maximum number of parts of an answer that wait to be written.
const PARTS: usize = 4;

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct BackupArgs {
    /// File to write, or - for standard output; a file appears whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace an existing file
    #[arg(short, long)]
    pub force: bool,
}

/// Writes a backup and verifies it at the same time: if the command succeeds, the file can be
/// restored.
///
/// # Errors
/// Fails if the target cannot be read, or if the backup cannot be written.
pub(crate) fn run(args: &BackupArgs, config: &Config) -> Result<(), CliError> {
    let (out, force) = (args.out.clone(), args.force);
    let summary = read_backup(config, move |source| write(Output::open(&out, force)?, &out, source))?;
    // A pipe or device, such as /dev/stdout, may be standard output.
    if is_stream(&args.out) {
        tell(&summary);
        return Ok(());
    }
    show(&summary)
}

/// Reads a backup of the configured data folder or server.
///
/// # Errors
/// Fails if the target cannot be read, or as `read` does.
pub(super) fn read_backup<T: Send + 'static>(
    config: &Config,
    read: impl FnOnce(Box<dyn Read>) -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    match Target::of(config) {
        Target::Folder(folder) => {
            let store = folder::look_at_existing(config, &folder)?;
            read(Box::new(BackupSource::new(store.read_view()?)))
        }
        Target::Server(server) => {
            let client = server.client(config)?;
            runtime()?.block_on(async {
                let (send, receive) = channel(PARTS);
                let reading = tokio::task::spawn_blocking(move || read(Box::new(AnswerReader::new(receive))));
                let received = receive_backup(&client, send).await;
                // If the backup was cut short, the reader notices.
                let result = reading.await.map_err(|error| CliError::Failed(error.to_string()))?;
                received.map_err(CliError::from).and(result)
            })
        }
    }
}

/// Passes a server's backup on, part by part, until it ends or the writer has failed.
async fn receive_backup(client: &Client, send: Sender<Bytes>) -> Result<(), ClientError> {
    let mut parts = client.get_parts(paths::BACKUP).await?;
    while let Some(part) = parts.next().await? {
        if send.send(part).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Writes and verifies a backup; returns a summary in one line.
fn write(mut out: Output, path: &Path, source: impl Read) -> Result<String, CliError> {
    let stream = is_stream(path);
    let name = if stream { Path::new("the output") } else { path };
    let summary = copy(source, &mut BufWriter::new(&mut out), name)?;
    out.finish()?;
    Ok(if stream { summary } else { format!("{}: {summary}", path.display()) })
}

/// Copies and verifies a backup; shows progress and returns a summary.
fn copy(source: impl Read, out: &mut impl Write, name: &Path) -> Result<String, CliError> {
    let mut failed = None;
    let tee = Tee { source, out: &mut *out, failed: &mut failed };
    let phases = Phases::default();
    let verified = backup::verify(tee, |about, entry| {
        let head = u64::from(about.head);
        match entry.kind {
            Kind::Block => phases.set("blocks", entry.first.into(), head),
            Kind::Proof => phases.set("proofs", entry.first.into(), head),
            _ => {}
        }
    });
    drop(phases);
    if let Some(cause) = failed {
        return Err(unwritable(name)(cause));
    }
    let (about, counts) = verified.map_err(|error| match error {
        BackupError::CutShort { .. } => {
            CliError::Failed("the backup was cut short; take it again".to_owned())
        }
        error => backup_error("the backup", error),
    })?;
    out.flush().map_err(unwritable(name))?;
    Ok(describe(&about, counts))
}

/// A reader that also writes everything it reads.
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

/// The parts of an answer, read by a thread that may block.
struct AnswerReader {
    receive: Receiver<Bytes>,
    part: Cursor<Bytes>,
}

impl AnswerReader {
    fn new(receive: Receiver<Bytes>) -> Self {
        Self { receive, part: Cursor::new(Bytes::new()) }
    }
}

impl Read for AnswerReader {
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
