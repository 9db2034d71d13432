//! A folder whose power can fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use zksync_witness_server::testing::{dice::Dice, ledger::Moment};

use crate::support::{
    disk::{Disk, write_image},
    journal::{Event, Journal},
};

/// Most paths that may differ because a call of a killed process was in flight; a rename has two.
const ON_THEIR_WAY: usize = 2;

/// A folder and the journal of its changes.
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

    /// Returns the path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a process record its changes of the folder.
    pub fn record(&self, command: &mut Command) {
        self.journal.prepare(command);
    }

    /// Returns the current moment while the process is running.
    pub fn moment(&self) -> Moment {
        self.journal.length()
    }

    /// Applies the recorded events of an ended process to the disk, which then must have the
    /// content of the folder.
    pub fn replay(&self, disk: &mut Disk) -> Vec<(Moment, Event)> {
        let events = self.journal.take();
        for (_, event) in &events {
            disk.happens(event);
        }
        let different = disk.catch_up();
        let moved = matches!(events.last(), Some((_, Event::Rename { .. } | Event::RemoveFolder { .. })));
        assert!(different.len() <= ON_THEIR_WAY || moved, "the record is incomplete: {different:?}");
        events
    }

    /// Replaces the folder by the durable content of the disk.
    pub fn fail(&self, disk: &Disk, dice: &mut Dice) {
        write_image(&self.root, &disk.after_power_failure(dice));
    }

    /// Returns a copy of the folder after a power failure at a random moment of a run that started
    /// with this disk.
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
