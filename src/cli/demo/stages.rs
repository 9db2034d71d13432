//! The demo's progress, read from the store: how many blocks have reached each stage, and when.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::store::{AggregatedAction, Store, StoreError};

const NAMES: [&str; 5] = ["imported", "witnessed", "proven", "aggregated", "verified"];

/// When the first and the last block reached a stage.
#[derive(Clone, Copy, Default)]
struct Times {
    first: Option<Duration>,
    last: Option<Duration>,
}

/// See the module.
pub struct Stages {
    store: Arc<Store>,
    blocks: u32,
    start: Instant,
    done: [u32; 5],
    times: [Times; 5],
    /// On a terminal; lines otherwise.
    bar: Option<ProgressBar>,
}

impl Stages {
    /// Progress of a chain of so many blocks.
    pub fn new(store: Arc<Store>, blocks: u32) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::from(blocks) * NAMES.len() as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { store, blocks, start: Instant::now(), done: [0; 5], times: [Times::default(); 5], bar }
    }

    /// Looks at the store and shows what changed; whether every block has reached the last stage.
    pub fn look(&mut self) -> Result<bool, StoreError> {
        let done = self.count()?;
        if done == self.done {
            return Ok(done[4] == self.blocks);
        }
        let now = self.start.elapsed();
        for ((times, before), after) in self.times.iter_mut().zip(self.done).zip(done) {
            if after > before {
                times.first.get_or_insert(now);
                times.last = Some(now);
            }
        }
        self.done = done;
        let message: Vec<String> =
            NAMES.iter().zip(done).map(|(name, done)| format!("{name} {done}/{}", self.blocks)).collect();
        match &self.bar {
            Some(bar) => {
                bar.set_position(done.iter().map(|done| u64::from(*done)).sum());
                bar.set_message(message.join("  "));
            }
            None => eprintln!("{:6.2} s  {}", now.as_secs_f64(), message.join("  ")),
        }
        Ok(done[4] == self.blocks)
    }

    /// The reason of the first quarantined block, if there is one.
    pub fn quarantined(&self) -> Result<Option<String>, StoreError> {
        let first = self.store.quarantined(1)?.into_iter().next();
        Ok(first.map(|(block, why)| format!("block {block} is quarantined: {}", why.cause)))
    }

    fn count(&self) -> Result<[u32; 5], StoreError> {
        let mut proven = 0;
        for block in 1..=self.blocks {
            proven += u32::from(self.store.has_single_proof(block)?);
        }
        let mut aggregated = 0;
        while let Some(operation) =
            self.store.aggregated_operation_covering(AggregatedAction::CreateProofBlocks, aggregated + 1)?
        {
            if !self.store.has_aggregated_proof(operation.first, operation.last)? {
                break;
            }
            aggregated = operation.last;
        }
        let store = &self.store;
        Ok([store.head()?, store.tree_head()?, proven, aggregated, store.last_verified_block()?])
    }

    /// Stages and times.
    pub fn table(&self) -> String {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = |time: Option<Duration>| {
            time.map_or_else(|| "before".to_string(), |time| format!("{:.2} s", time.as_secs_f64()))
        };
        let mut table =
            format!("{:<12} {:>7} {:>12} {:>12}\n", "stage", "blocks", "first block", "all blocks");
        for ((name, done), times) in NAMES.iter().zip(self.done).zip(self.times) {
            let count = format!("{done}/{}", self.blocks);
            let (first, last) = (seconds(times.first), seconds(times.last));
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{name:<12} {count:>7} {first:>12} {last:>12}");
        }
        table
    }
}
