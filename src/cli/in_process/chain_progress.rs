//! Progress of a chain, read from the store: when each block reached each milestone.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::milestone::Milestone;
use crate::cli::colour::{Tone, TonedText};
use crate::cli::output::tell;
use crate::domain::AggregatedAction;
use crate::store::{Store, StoreError};

/// Number of quarantined blocks that are read: only the first one matters.
const QUARANTINED: usize = 1;

/// Times from the start of the run at which a block reached each milestone.
pub(crate) type BlockTimes = [Option<Duration>; Milestone::ALL.len()];

/// Progress of the first blocks of a chain towards a milestone.
pub(crate) struct ChainProgress {
    store: Arc<Store>,
    until: Milestone,
    start: Instant,
    /// The times of block 1 and the blocks after it.
    times: Vec<BlockTimes>,
    done: [u32; Milestone::ALL.len()],
    /// Blocks that have a witness and no proof.
    unproven: BTreeSet<u32>,
    /// The bar on a terminal; without one progress is printed as lines.
    bar: Option<ProgressBar>,
}

impl ChainProgress {
    /// Starts to watch the given number of blocks until they reach a milestone.
    pub(crate) fn new(store: Arc<Store>, blocks: u32, until: Milestone) -> Self {
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

    /// Watches the blocks up to this one as well.
    pub(crate) fn extend_to(&mut self, blocks: u32) {
        if blocks > self.blocks() {
            self.times.resize(blocks as usize, BlockTimes::default());
            if let Some(bar) = &self.bar {
                bar.set_length(u64::from(blocks) * self.until.up_to().count() as u64);
            }
        }
    }

    /// Returns the number of blocks that are watched.
    pub(crate) fn blocks(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// Returns the milestone to reach.
    pub(crate) fn until(&self) -> Milestone {
        self.until
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns the blocks by number, each with its times.
    pub(crate) fn times(&self) -> impl Iterator<Item = (u32, &BlockTimes)> {
        (1..).zip(&self.times)
    }

    /// Returns the first block that has not reached the milestone, and the first milestone that it
    /// lacks.
    pub(crate) fn first_missing(&self) -> Option<(u32, Milestone)> {
        self.times().find_map(|(block, times)| Some((block, missing(times, self.until)?)))
    }

    /// Reads the store and prints what changed. Returns true if every block has reached the
    /// milestone.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(crate) fn update(&mut self) -> Result<bool, StoreError> {
        let before = self.done;
        self.count()?;
        if self.done != before {
            self.show();
        }
        Ok(self.first_missing().is_none())
    }

    /// Returns the first quarantined block among those that are watched, with the reason.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(crate) fn quarantined(&self) -> Result<Option<(u32, String)>, StoreError> {
        let first = self.store.chain().quarantined_from(0, QUARANTINED)?.into_iter().next();
        Ok(first.filter(|(block, _)| *block <= self.blocks()).map(|(block, why)| (block, why.reason)))
    }

    /// Returns the blocks at fault: those that have not reached the milestone, and the quarantined
    /// ones.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(crate) fn at_fault(&self) -> Result<Vec<u32>, StoreError> {
        let mut blocks: BTreeSet<u32> = self
            .times()
            .filter(|(_, times)| missing(times, self.until).is_some())
            .map(|(block, _)| block)
            .collect();
        let quarantined = self.store.chain().quarantined_from(0, QUARANTINED)?;
        blocks.extend(quarantined.iter().map(|(block, _)| *block));
        Ok(blocks.into_iter().collect())
    }

    fn count(&mut self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        self.reach(Milestone::Imported, store.chain().head()?);
        for block in self.reach(Milestone::Witnessed, store.tree().head()?) {
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
            self.set(block, Milestone::Proven, now);
        }
        let mut aggregated = self.done[Milestone::Aggregated as usize];
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
        self.reach(Milestone::Aggregated, aggregated);
        self.reach(Milestone::Verified, store.chain().last_verified_block()?);
        Ok(())
    }

    /// Records that all blocks up to `head` have reached the milestone; returns the new ones.
    fn reach(&mut self, milestone: Milestone, head: u32) -> std::ops::RangeInclusive<u32> {
        let (now, head) = (self.elapsed(), head.min(self.blocks()));
        let new = self.done[milestone as usize] + 1..=head;
        for block in new.clone() {
            self.set(block, milestone, now);
        }
        new
    }

    fn set(&mut self, block: u32, milestone: Milestone, now: Duration) {
        if let Some(times) = self.times.get_mut(block as usize - 1) {
            times[milestone as usize] = Some(now);
            self.done[milestone as usize] += 1;
        }
    }

    fn show(&self) {
        let blocks = self.blocks();
        let reached = || self.until.up_to().map(|milestone| (milestone, self.done[milestone as usize]));
        let message: Vec<String> =
            reached().map(|(milestone, done)| format!("{} {done}/{blocks}", milestone.name())).collect();
        match &self.bar {
            Some(bar) => {
                bar.set_position(reached().map(|(_, done)| u64::from(done)).sum());
                bar.set_message(message.join("  "));
            }
            None => tell(&format!("{:6.2} s  {}", self.elapsed().as_secs_f64(), message.join("  "))),
        }
    }

    /// Returns a table of milestones and times, and removes the bar.
    pub(crate) fn table(&self) -> TonedText {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = |time: Option<Duration>| {
            time.map_or_else(|| "-".to_string(), |time| format!("{:.2} s", time.as_secs_f64()))
        };
        let mut table = TonedText::from(format!(
            "{:<12} {:>7} {:>12} {:>12}\n",
            "stage", "blocks", "first block", "all blocks"
        ));
        for milestone in self.until.up_to() {
            let done = self.done[milestone as usize];
            let times = || self.times.iter().filter_map(|times| times[milestone as usize]);
            let count = format!("{done}/{}", self.blocks());
            let first = seconds(times().min());
            let all = seconds(times().max().filter(|_| done == self.blocks()));
            table.push(Tone::Plain, format!("{:<12} ", milestone.name()));
            let tone = if done < self.blocks() { Tone::Caution } else { Tone::Plain };
            table.push(tone, format!("{count:>7}"));
            table.push(Tone::Plain, format!(" {first:>12} {all:>12}\n"));
        }
        table
    }
}

/// Returns the first milestone up to `until` that a block with these times has not reached.
pub(crate) fn missing(times: &BlockTimes, until: Milestone) -> Option<Milestone> {
    until.up_to().find(|milestone| times[*milestone as usize].is_none())
}
