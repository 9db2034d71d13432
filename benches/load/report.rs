//! The results of a load test, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::ledger::Found;
use super::server_process::Footprint;
use super::tally::{Counts, Event, Kind, Summary};

/// A sample of the server at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Time since the load began, in seconds.
    pub at_s: f64,
    /// Resources of the server process.
    #[serde(flatten)]
    pub footprint: Footprint,
    /// Size of the data folder, in bytes.
    pub disk_bytes: u64,
}

/// The results of a load test.
pub struct Report {
    /// Number of concurrent connections.
    pub connections: usize,
    /// Duration of the load.
    pub duration: Duration,
    /// Duration of the measured part, which follows the warm-up.
    pub measured: Duration,
    /// Counts of the measured part.
    pub counts: Counts,
    /// The sample before the first connection.
    pub start: Sample,
    /// The sample after the warm-up.
    pub warm: Sample,
    /// The sample at the end of the load, with all connections open.
    pub end: Sample,
    /// The sample after all connections are closed.
    pub at_rest: Sample,
    /// Samples during the measured part.
    pub samples: Vec<Sample>,
    /// The outcome of the check after the restart.
    pub found: Found,
}

impl Report {
    /// Returns why the load test failed, or `None` if it passed.
    pub fn complaint(&self) -> Option<String> {
        let Counts { unexpected, sentences, .. } = &self.counts;
        let Found { missing, first_missing, .. } = &self.found;
        match (unexpected, missing) {
            (0, 0) => None,
            (_, 0) => Some(format!("{unexpected} unexpected events: {}", sentences.join("; "))),
            _ => Some(format!(
                "{missing} acknowledged items are missing ({}), {unexpected} unexpected events",
                first_missing.join(", ")
            )),
        }
    }

    fn summaries(&self) -> BTreeMap<Kind, Summary> {
        let of = |(kind, times): (&Kind, &super::tally::Times)| (*kind, times.summary(self.measured));
        self.counts.times.iter().map(of).collect()
    }

    /// Returns the results as one JSON document; the names of its fields have the units.
    pub fn json(&self) -> Value {
        let mut statuses: BTreeMap<Kind, BTreeMap<String, u64>> = BTreeMap::new();
        for ((kind, status), count) in &self.counts.statuses {
            statuses.entry(*kind).or_default().insert(status.to_string(), *count);
        }
        json!({
            "connections": self.connections,
            "duration_s": self.duration.as_secs_f64(),
            "measured_s": self.measured.as_secs_f64(),
            "requests": self.summaries(),
            "statuses": statuses,
            "events": self.counts.events,
            "unexpected": self.counts.unexpected,
            "unexpected_sentences": self.counts.sentences,
            "server": {
                "start": self.start,
                "warm": self.warm,
                "end": self.end,
                "at_rest": self.at_rest,
                "samples": self.samples,
            },
            "acknowledged": self.found,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.measured.as_secs_f64();
        writeln!(f, "{} connections, {seconds:.0} s measured", self.connections)?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<14} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
            "request", "number", "per second", "p50 ms", "p95 ms", "p99 ms", "max ms"
        )?;
        for (kind, summary) in self.summaries() {
            let Summary { count, per_s, p50_ms, p95_ms, p99_ms, max_ms } = summary;
            writeln!(
                f,
                "{:<14} {count:>10} {per_s:>10.1} {p50_ms:>10.2} {p95_ms:>10.2} {p99_ms:>10.2} {max_ms:>10.2}",
                name(&kind)
            )?;
        }
        writeln!(f)?;
        let statuses = self.counts.statuses.iter();
        let statuses = statuses.map(|((kind, status), count)| format!("{} {status}: {count}", name(kind)));
        writeln!(f, "responses    {}", statuses.collect::<Vec<_>>().join(", "))?;
        let events = self.counts.events.iter();
        let events = events.map(|(event, count): (&Event, _)| format!("{}: {count}", name(event)));
        writeln!(f, "events       {}", events.collect::<Vec<_>>().join(", "))?;
        writeln!(f, "unexpected   {}", self.counts.unexpected)?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<26} {:>12} {:>12} {:>8} {:>12}",
            "server", "memory MB", "descriptors", "threads", "folder MB"
        )?;
        for (when, sample) in [
            ("at the start", &self.start),
            ("after the warm-up", &self.warm),
            ("at the end", &self.end),
            ("without connections", &self.at_rest),
        ] {
            let Footprint { resident_bytes, descriptors, threads, .. } = sample.footprint;
            writeln!(
                f,
                "{when:<26} {:>12.1} {descriptors:>12} {threads:>8} {:>12.1}",
                megabytes(resident_bytes),
                megabytes(sample.disk_bytes)
            )?;
        }
        writeln!(f, "peak memory                {:>12.1}", megabytes(self.end.footprint.peak_bytes))?;
        writeln!(f)?;
        let Found { blocks, proofs, aggregated_proofs, missing, .. } = &self.found;
        write!(
            f,
            "after a restart: {blocks} blocks, {proofs} proofs and {aggregated_proofs} aggregated proofs acknowledged, {missing} missing"
        )
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Returns the name of a kind or an event, as in JSON.
fn name(of: &impl Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
