//! Faults of the operating system, injected into a process by `tests/preload/faults.c`.
//!
//! Prepare a command with [`Faults::prepare`], then [`arm`](Faults::arm) before it starts or while
//! it runs. To try every position, [`count`](Faults::count) the calls of an undisturbed run first.
//!
//! ```ignore
//! let faults = Faults::new(&data);
//! faults.count(Call::READING);
//! run(faults.prepare(&mut command));
//! for position in 1..=faults.counted() {
//!     faults.arm(Call::READING, Fault::once(position, Effect::Io));
//!     run(faults.prepare(&mut command));
//! }
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::support::preload;

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| preload::compile("faults"));

/// The layout of `struct control`: the offset of each field, and the length of the whole.
const CALLS: u64 = 0;
const ERROR: u64 = 4;
const FIRST: u64 = 8;
const TIMES: u64 = 16;
const COUNTED: u64 = 24;
const FAILED: u64 = 32;
const NAME: u64 = 40;
const PATH: u64 = 104;
const LENGTH: usize = 616;

/// A kind of call, in the order of `enum call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Open,
    List,
    Stat,
    Read,
    ReadAt,
    Copy,
    Map,
    Write,
    WriteAt,
    Resize,
    Sync,
    Name,
    Unlink,
    Lock,
    Thread,
}

impl Call {
    /// Calls that change nothing.
    pub const READING: &[Self] =
        &[Self::Open, Self::List, Self::Stat, Self::Read, Self::ReadAt, Self::Copy, Self::Map];
    /// Calls that transfer bytes from a file.
    pub const TRANSFERS_IN: &[Self] = &[Self::Read, Self::ReadAt, Self::Copy];
    /// Calls that change files or folders, or make changes durable.
    pub const WRITING: &[Self] = &[
        Self::Open,
        Self::Write,
        Self::WriteAt,
        Self::Resize,
        Self::Sync,
        Self::Name,
        Self::Unlink,
        Self::Lock,
    ];
    /// Calls that make threads.
    pub const THREADS: &[Self] = &[Self::Thread];
}

/// The effect that replaces a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// EIO.
    Io,
    /// ENOSPC.
    DiskFull,
    /// EMFILE.
    TooManyFiles,
    /// ENOMEM.
    NoMemory,
    /// EINTR.
    Interrupted,
    /// EAGAIN, also the error of a thread that cannot be made.
    NotNow,
    /// EACCES.
    Forbidden,
    /// EINVAL.
    Invalid,
    /// EOPNOTSUPP.
    NotSupported,
    /// A transfer of half of the bytes. Other calls are made.
    Short,
    /// SIGKILL instead of the call.
    Kill,
}

impl Effect {
    fn code(self) -> i32 {
        match self {
            Self::Kill => -1,
            Self::Short => 0,
            Self::Interrupted => 4,
            Self::Io => 5,
            Self::NotNow => 11,
            Self::NoMemory => 12,
            Self::Forbidden => 13,
            Self::Invalid => 22,
            Self::NotSupported => 95,
            Self::TooManyFiles => 24,
            Self::DiskFull => 28,
        }
    }
}

/// The calls that fail, by their positions among those that count, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    first: u64,
    times: u64,
    effect: Effect,
}

impl Fault {
    /// Only the call at this position, counted from 1.
    pub fn once(position: u64, effect: Effect) -> Self {
        Self { first: position, times: 1, effect }
    }

    /// The process is killed before the call at this position.
    pub fn kill(position: u64) -> Self {
        Self::once(position, Effect::Kill)
    }

    /// Returns true if the process is killed.
    pub fn kills(&self) -> bool {
        self.effect == Effect::Kill
    }

    /// All calls from this position on.
    pub fn from(position: u64, effect: Effect) -> Self {
        Self { first: position, times: u64::MAX, effect }
    }
}

/// The faults of the processes that work on one folder.
pub struct Faults {
    root: PathBuf,
    control: File,
    temporary: TempDir,
}

impl Faults {
    /// Disarmed faults of calls about `root`, which may not exist yet, and everything below it.
    pub fn new(root: &Path) -> Self {
        let root = root.parent().unwrap().canonicalize().unwrap().join(root.file_name().unwrap());
        let temporary = tempfile::tempdir().unwrap();
        let mut open = File::options();
        let control = open.create_new(true).read(true).write(true).open(Self::path(&temporary)).unwrap();
        control.set_len(LENGTH as u64).unwrap();
        Self { root, control, temporary }
    }

    fn path(temporary: &TempDir) -> PathBuf {
        temporary.path().join("control")
    }

    /// Loads the library into a process.
    pub fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LD_PRELOAD", &*LIBRARY)
            .env("FAULTS_ROOT", &self.root)
            .env("FAULTS_CONTROL", Self::path(&self.temporary))
    }

    /// From now on counts calls of these kinds, from 1, and lets those of `fault` fail.
    pub fn arm(&self, calls: &[Call], fault: Fault) {
        self.disarm();
        self.write(ERROR, &fault.effect.code().to_ne_bytes());
        self.write(FIRST, &fault.first.to_ne_bytes());
        self.write(TIMES, &fault.times.to_ne_bytes());
        self.write(COUNTED, &[0; LENGTH - COUNTED as usize]);
        let mask = calls.iter().fold(0_u32, |mask, call| mask | 1 << *call as u32);
        self.write(CALLS, &mask.to_ne_bytes());
    }

    /// From now on counts calls of these kinds; none fails.
    pub fn count(&self, calls: &[Call]) {
        self.arm(calls, Fault { first: 0, times: 0, effect: Effect::Io });
    }

    /// No further call counts or fails.
    pub fn disarm(&self) {
        self.write(CALLS, &[0; 4]);
    }

    /// Returns the number of calls that counted since the last [`arm`](Self::arm).
    pub fn counted(&self) -> u64 {
        self.number(COUNTED)
    }

    /// Returns the number of calls that failed since then.
    pub fn failed(&self) -> u64 {
        self.number(FAILED)
    }

    /// Returns the first call that failed and its path below the folder.
    pub fn first_failure(&self) -> String {
        let path = self.text(PATH, LENGTH - PATH as usize);
        let below = path.strip_prefix(&*self.root.to_string_lossy()).unwrap_or(&path);
        format!("{} of {below:?}", self.text(NAME, (PATH - NAME) as usize))
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        self.control.write_all_at(bytes, at).unwrap();
    }

    fn number(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, at).unwrap();
        u64::from_ne_bytes(bytes)
    }

    fn text(&self, at: u64, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.control.read_exact_at(&mut bytes, at).unwrap();
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(length));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
