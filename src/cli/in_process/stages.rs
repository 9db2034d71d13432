//! The progress of a chain, read from the store: when each block has reached each stage.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Stage;
use crate::cli::tell;
use crate::domain::AggregatedAction;
use crate::store::{Store, StoreError};

/// Quarantined blocks that are looked at; the first one is the one that matters.
const QUARANTINED: usize = 1;

/// When a block has reached each stage, counted from the start.
pub type BlockTimes = [Option<Duration>; Stage::ALL.len()];

/// See the module.
pub struct Stages {
    store: Arc<Store>,
    until: Stage,
    start: Instant,
    /// Of blocks 1 and so on.
    times: Vec<BlockTimes>,
    done: [u32; Stage::ALL.len()],
    /// Blocks that have a witness and no proof yet.
    unproven: BTreeSet<u32>,
    /// On a terminal; lines otherwise.
    bar: Option<ProgressBar>,
}

impl Stages {
    /// Progress of the first so many blocks up to a stage.
    pub fn new(store: Arc<Store>, blocks: u32, until: Stage) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::from(blocks) * until.up_to().count() as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            store,
            until,
            start: Instant::now(),
            times: vec![BlockTimes::default(); blocks as usize],
            done: Default::default(),
            unproven: BTreeSet::new(),
            bar,
        }
    }

    /// Number of blocks that count.
    pub fn blocks(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// The stage that is waited for.
    pub fn until(&self) -> Stage {
        self.until
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The blocks by number, each with its times.
    pub fn times(&self) -> impl Iterator<Item = (u32, &BlockTimes)> {
        (1..).zip(&self.times)
    }

    /// The first block that lacks the stage that is waited for, and the first stage it lacks.
    pub fn first_missing(&self) -> Option<(u32, Stage)> {
        self.times().find_map(|(block, times)| Some((block, missing(times, self.until)?)))
    }

    /// Looks at the store and shows what changed; whether every block has reached the stage.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn look(&mut self) -> Result<bool, StoreError> {
        let before = self.done;
        self.count()?;
        if self.done != before {
            self.show();
        }
        Ok(self.first_missing().is_none())
    }

    /// The first quarantined block among those that count, with the reason.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn quarantined(&self) -> Result<Option<(u32, String)>, StoreError> {
        let first = self.store.chain().quarantined(QUARANTINED)?.into_iter().next();
        Ok(first.filter(|(block, _)| *block <= self.blocks()).map(|(block, why)| (block, why.cause)))
    }

    fn count(&mut self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        self.reach(Stage::Imported, store.chain().head()?);
        for block in self.reach(Stage::Witnessed, store.tree().head()?) {
            self.unproven.insert(block);
        }
        let now = self.elapsed();
        let mut proven = Vec::new();
        for block in &self.unproven {
            if store.queue().has_single_proof(*block)? {
                proven.push(*block);
            }
        }
        for block in proven {
            self.unproven.remove(&block);
            self.set(block, Stage::Proven, now);
        }
        let mut aggregated = self.done[Stage::Aggregated as usize];
        while let Some(operation) = store
            .chain()
            .aggregated_operation_covering(AggregatedAction::CreateProofBlocks, aggregated + 1)?
        {
            if !store.queue().has_aggregated_proof(operation.first, operation.last)? {
                break;
            }
            aggregated = operation.last;
            if aggregated >= self.blocks() {
                break;
            }
        }
        self.reach(Stage::Aggregated, aggregated);
        self.reach(Stage::Verified, store.chain().last_verified_block()?);
        Ok(())
    }

    /// All blocks up to `head` have reached the stage; gives those that are new there.
    fn reach(&mut self, stage: Stage, head: u32) -> std::ops::RangeInclusive<u32> {
        let (now, head) = (self.elapsed(), head.min(self.blocks()));
        let new = self.done[stage as usize] + 1..=head;
        for block in new.clone() {
            self.set(block, stage, now);
        }
        new
    }

    fn set(&mut self, block: u32, stage: Stage, now: Duration) {
        if let Some(times) = self.times.get_mut(block as usize - 1) {
            times[stage as usize] = Some(now);
            self.done[stage as usize] += 1;
        }
    }

    fn show(&self) {
        let blocks = self.blocks();
        let stages = || self.until.up_to().map(|stage| (stage, self.done[stage as usize]));
        let message: Vec<String> =
            stages().map(|(stage, done)| format!("{} {done}/{blocks}", stage.name())).collect();
        match &self.bar {
            Some(bar) => {
                bar.set_position(stages().map(|(_, done)| u64::from(done)).sum());
                bar.set_message(message.join("  "));
            }
            None => tell(&format!("{:6.2} s  {}", self.elapsed().as_secs_f64(), message.join("  "))),
        }
    }

    /// Stages and times.
    pub fn table(&self) -> String {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = |time: Option<Duration>| {
            time.map_or_else(|| "-".to_string(), |time| format!("{:.2} s", time.as_secs_f64()))
        };
        let mut table =
            format!("{:<12} {:>7} {:>12} {:>12}\n", "stage", "blocks", "first block", "all blocks");
        for stage in self.until.up_to() {
            let done = self.done[stage as usize];
            let times = || self.times.iter().filter_map(|times| times[stage as usize]);
            let count = format!("{done}/{}", self.blocks());
            let first = seconds(times().min());
            let all = seconds(times().max().filter(|_| done == self.blocks()));
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{:<12} {count:>7} {first:>12} {all:>12}", stage.name());
        }
        table
    }
}

/// The first stage up to `until` that a block with these times has not reached.
pub fn missing(times: &BlockTimes, until: Stage) -> Option<Stage> {
    until.up_to().find(|stage| times[*stage as usize].is_none())
}
