//! A folder whose power can fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use zksync_witness_server::testing::{dice::Dice, ledger::Moment};

use crate::support::{
    disk::{Disk, write_image},
    journal::{Event, Journal},
};

/// Calls of a killed process that may be recorded and not made, or made and not recorded; a rename has two names.
const ON_THEIR_WAY: usize = 2;

/// See the module.
pub struct Power {
    _temporary: TempDir,
    root: PathBuf,
    journal: Journal,
}

impl Power {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().canonicalize().unwrap().join("root");
        std::fs::create_dir(&root).unwrap();
        let journal = Journal::new(&root, temporary.path().join("journal"));
        Self { _temporary: temporary, root, journal }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Records what a process does to the folder.
    pub fn record(&self, command: &mut Command) {
        self.journal.prepare(command);
    }

    /// The moment, as long as the process runs.
    pub fn moment(&self) -> Moment {
        self.journal.length()
    }

    /// Lets everything that was recorded happen to the disk, which then must hold what the folder holds; the process is gone.
    pub fn replay(&self, disk: &mut Disk) -> Vec<(Moment, Event)> {
        let events = self.journal.take();
        for (_, event) in &events {
            disk.happens(event);
        }
        let different = disk.catch_up();
        let moved = matches!(events.last(), Some((_, Event::Rename { .. } | Event::RemoveFolder { .. })));
        assert!(different.len() <= ON_THEIR_WAY || moved, "not all was seen: {different:?}");
        events
    }

    /// The power fails: the folder is what the disk holds.
    pub fn fail(&self, disk: &Disk, dice: &mut Dice) {
        write_image(&self.root, &disk.after_power_failure(dice));
    }

    /// The power failed at some moment of a run that began with this disk; gives what the folder was then, elsewhere.
    pub fn fail_earlier(&self, begin: &Disk, run: &[(Moment, Event)], dice: &mut Dice) -> (TempDir, Moment) {
        let run = &run[..dice.below(run.len() + 1)];
        let mut disk = begin.clone();
        for (_, event) in run {
            disk.happens(event);
        }
        let folder = tempfile::tempdir().unwrap();
        write_image(folder.path(), &disk.after_power_failure(dice));
        (folder, run.last().map_or(0, |(end, _)| *end))
    }
}
