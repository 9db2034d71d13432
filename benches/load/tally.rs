//! What is counted while a load runs: times by kind of request, statuses, and what was not to be expected.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::StatusCode;
use serde::Serialize;

/// Sentences about the unexpected that are kept; all are counted.
const KEPT: usize = 20;
/// Longest time that is told apart, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A prover asks for a job and reads it at once.
    GetJob,
    /// A prover reads its job as slowly as if its line were bad; the time is mostly its own.
    SlowGetJob,
    /// A heartbeat.
    WorkingOn,
    /// A proof is handed in.
    Publish,
    /// A prover gives its job back.
    Stopped,
    /// A block.
    Import,
    /// An aggregated operation.
    Operation,
}

/// Something that happened beside requests and statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A job was handed out.
    Job,
    /// There was no job.
    NoJob,
    /// A prover gave its job back.
    Stopped,
    /// A prover vanished without a word.
    Vanished,
    /// A lease had ended before its prover was heard again, the timeout having passed.
    LeaseLost,
    /// The server asked to try again later.
    Busy,
}

/// Counters that all tasks share.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

/// What was counted.
#[derive(Default)]
pub struct Counts {
    /// Times of answered requests.
    pub times: BTreeMap<Kind, Times>,
    /// Answers by kind and status.
    pub statuses: BTreeMap<(Kind, u16), u64>,
    /// Other events.
    pub events: BTreeMap<Event, u64>,
    /// How often something happened that was not to be expected.
    pub unexpected: u64,
    /// The first of them, as sentences.
    pub sentences: Vec<String>,
}

/// Times of one kind, in microseconds.
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        // The bounds are good ones.
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("good bounds"))
    }
}

/// A summary of times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// Number of requests.
    pub count: u64,
    /// Requests a second.
    pub per_s: f64,
    /// What half of them do not exceed.
    pub p50_ms: f64,
    /// What 95 of 100 do not exceed.
    pub p95_ms: f64,
    /// What 99 of 100 do not exceed.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Times {
    /// Within a span of time.
    pub fn summary(&self, span: Duration) -> Summary {
        let ms = |us: u64| us as f64 / 1e3;
        let percentile = |percent| ms(self.0.value_at_percentile(percent));
        Summary {
            count: self.0.len(),
            per_s: self.0.len() as f64 / span.as_secs_f64(),
            p50_ms: percentile(50.0),
            p95_ms: percentile(95.0),
            p99_ms: percentile(99.0),
            max_ms: ms(self.0.max()),
        }
    }
}

impl Tally {
    /// A request was answered.
    pub fn answered(&self, kind: Kind, status: StatusCode, took: Duration) {
        self.with(|counts| {
            let us = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
            counts.times.entry(kind).or_default().0.saturating_record(us);
            *counts.statuses.entry((kind, status.as_u16())).or_default() += 1;
        });
    }

    /// Something happened.
    pub fn event(&self, event: Event) {
        self.with(|counts| *counts.events.entry(event).or_default() += 1);
    }

    /// Something happened that a load must not lead to.
    pub fn unexpected(&self, what: impl FnOnce() -> String) {
        self.with(|counts| {
            counts.unexpected += 1;
            if counts.sentences.len() < KEPT {
                counts.sentences.push(what());
            }
        });
    }

    /// Begins to measure: forgets all but the unexpected.
    pub fn begin(&self) {
        self.with(|counts| {
            counts.times.clear();
            counts.statuses.clear();
            counts.events.clear();
        });
    }

    /// Ends the count.
    pub fn take(&self) -> Counts {
        self.with(std::mem::take)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[allow(unused_imports, dead_code, reason = "a benchmark has no test harness; tests/ runs these")]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_rates_are_those_of_what_was_counted() {
        let tally = Tally::default();
        tally.answered(Kind::Publish, StatusCode::OK, Duration::from_secs(5));
        tally.unexpected(|| "early".into());
        tally.begin();
        for ms in 1..=100 {
            tally.answered(Kind::WorkingOn, StatusCode::OK, Duration::from_millis(ms));
        }
        let counts = tally.take();
        assert_eq!(counts.statuses, BTreeMap::from([((Kind::WorkingOn, 200), 100)]));
        assert_eq!((counts.unexpected, counts.sentences.as_slice()), (1, &["early".to_owned()][..]));
        let summary = counts.times[&Kind::WorkingOn].summary(Duration::from_secs(50));
        assert_eq!((summary.count, summary.per_s), (100, 2.0));
        for (measured, expected) in
            [(summary.p50_ms, 50.0), (summary.p95_ms, 95.0), (summary.p99_ms, 99.0), (summary.max_ms, 100.0)]
        {
            assert!((measured - expected).abs() < 0.1, "{measured} for {expected}");
        }
    }
}
