//! The changes that a process made to the files of a folder, as recorded by
//! `tests/preload/power_loss.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::preload;

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| preload::compile("power_loss"));

/// A call that changed a file or a folder. Files are identified by their inode, everything else by
/// its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Create { inode: u64, path: PathBuf },
    Write { inode: u64, offset: u64, bytes: Vec<u8> },
    Truncate { inode: u64, length: u64 },
    SyncFile { inode: u64 },
    SyncFolder { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Link { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
    MakeFolder { path: PathBuf },
    RemoveFolder { path: PathBuf },
}

/// The journal of a folder.
pub struct Journal {
    root: PathBuf,
    path: PathBuf,
}

impl Journal {
    /// Returns the journal in the file `path` of what [prepared](Self::prepare) processes do below
    /// `root`.
    pub fn new(root: &Path, path: PathBuf) -> Self {
        Self { root: root.into(), path }
    }

    /// Makes a process write the journal.
    pub fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", &*LIBRARY).env("POWER_ROOT", &self.root).env("POWER_JOURNAL", &self.path)
    }

    /// Returns its length in bytes: everything that a process has done so far is in that part.
    pub fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |about| about.len())
    }

    /// Removes and returns all events, each with the end of its record. No process may be writing.
    pub fn take(&self) -> Vec<(u64, Event)> {
        if !self.path.exists() {
            return Vec::new();
        }
        let bytes = std::fs::read(&self.path).unwrap();
        std::fs::remove_file(&self.path).unwrap();
        parse(&bytes)
    }
}

/// A record of the journal.
struct Record<'a> {
    kind: u32,
    inode: u64,
    offset: u64,
    payload: &'a [u8],
}

/// Splits off the first record; `None` at the end, also inside the last record of a killed process.
fn split_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<24>()?;
    let long = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
    let short = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().unwrap());
    let (payload, rest) = rest.split_at_checked(short(16) as usize)?;
    Some((Record { kind: short(20), inode: long(0), offset: long(8), payload }, rest))
}

fn parse(bytes: &[u8]) -> Vec<(u64, Event)> {
    use std::os::unix::ffi::OsStrExt;
    let path_of = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    let mut events: Vec<(u64, Event)> = Vec::new();
    let mut rest = bytes;
    while let Some((Record { kind, inode, offset, payload }, after)) = split_record(rest) {
        rest = after;
        let path = path_of(payload);
        let event = match kind {
            1 => Event::Create { inode, path },
            2 => Event::Write { inode, offset, bytes: payload.to_vec() },
            3 => Event::Truncate { inode, length: offset },
            4 if payload.is_empty() => Event::SyncFile { inode },
            4 => Event::SyncFolder { path },
            5 | 12 => {
                let mut paths = payload.split(|byte| *byte == 0).map(path_of);
                let (from, to) = (paths.next().unwrap(), paths.next().unwrap());
                if kind == 5 { Event::Rename { from, to } } else { Event::Link { from, to } }
            }
            6 => Event::Unlink { path },
            7 => Event::MakeFolder { path },
            8 => Event::RemoveFolder { path },
            9 => {
                events.pop().unwrap();
                continue;
            }
            10 => {
                let Some((_, Event::Write { bytes, .. })) = events.last_mut() else {
                    panic!("a stray record")
                };
                bytes.truncate(offset as usize);
                continue;
            }
            _ => panic!("the process used {}, which is not modelled", String::from_utf8_lossy(payload)),
        };
        events.push(((bytes.len() - rest.len()) as u64, event));
    }
    events
}
