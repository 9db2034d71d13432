//! Counters of a load: times by kind of request, statuses, and unexpected events.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::StatusCode;
use serde::Serialize;

/// Number of unexpected events whose description is kept; all are counted.
const KEPT: usize = 20;
/// Longest time that is recorded, in microseconds; longer ones count as this.
const LONGEST_US: u64 = 600_000_000;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A claim of a job whose response is read at once.
    GetJob,
    /// A claim of a job whose response is read slowly; most of the time is that of the reader.
    SlowGetJob,
    /// A heartbeat.
    WorkingOn,
    /// The publishing of a proof.
    Publish,
    /// The release of a job.
    Stopped,
    /// The import of a block.
    Import,
    /// The import of an aggregated operation.
    Operation,
}

/// An event other than a request and its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A prover claimed a job.
    Job,
    /// No job was idle.
    NoJob,
    /// A prover released its job.
    Stopped,
    /// A prover vanished without releasing its job.
    Vanished,
    /// A lease had expired before its prover renewed it.
    LeaseLost,
    /// The server was overloaded, so the request is sent again.
    Busy,
}

/// Counters that all tasks share.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

/// The counts.
#[derive(Default)]
pub struct Counts {
    /// Times of answered requests.
    pub times: BTreeMap<Kind, Times>,
    /// Answers by kind and status.
    pub statuses: BTreeMap<(Kind, u16), u64>,
    /// Other events.
    pub events: BTreeMap<Event, u64>,
    /// Number of unexpected events.
    pub unexpected: u64,
    /// Descriptions of the first unexpected events.
    pub sentences: Vec<String>,
}

/// Times of one kind, in microseconds.
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        // It fails only for invalid constants.
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are valid"))
    }
}

/// A summary of times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// Number of requests.
    pub count: u64,
    /// Requests per second.
    pub per_s: f64,
    /// Time that half of the requests do not exceed.
    pub p50_ms: f64,
    /// Time that 95 percent of the requests do not exceed.
    pub p95_ms: f64,
    /// Time that 99 percent of the requests do not exceed.
    pub p99_ms: f64,
    /// Longest time.
    pub max_ms: f64,
}

impl Times {
    /// Returns a summary of the requests that were answered during `span`.
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
    /// Counts a response.
    pub fn answered(&self, kind: Kind, status: StatusCode, took: Duration) {
        self.with(|counts| {
            let us = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
            counts.times.entry(kind).or_default().0.saturating_record(us);
            *counts.statuses.entry((kind, status.as_u16())).or_default() += 1;
        });
    }

    /// Counts an event.
    pub fn event(&self, event: Event) {
        self.with(|counts| *counts.events.entry(event).or_default() += 1);
    }

    /// Counts an event that must not happen under load, and keeps the first descriptions.
    pub fn unexpected(&self, what: impl FnOnce() -> String) {
        self.with(|counts| {
            counts.unexpected += 1;
            if counts.sentences.len() < KEPT {
                counts.sentences.push(what());
            }
        });
    }

    /// Begins the measured part: resets all counts except those of unexpected events.
    pub fn begin(&self) {
        self.with(|counts| {
            counts.times.clear();
            counts.statuses.clear();
            counts.events.clear();
        });
    }

    /// Returns the counts and resets them.
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
