//! Counters, histograms and gauges of a node. `docs/metrics.md` lists every exported metric; the
//! gauges that are read at each scrape are in `server::metrics_exporter`.
//!
//! Each node has its own registry, so that several nodes can run in one process. Every label has a
//! small, fixed set of values, and all of them are exported as 0 from the start: `rate()` needs a
//! first sample. Counting costs a lookup under a shared lock and an atomic addition; timing also
//! locks one histogram.

use std::borrow::Cow;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// Upper bounds of the buckets, in seconds, for work of milliseconds to minutes.
const WORK: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0];
/// Upper bounds of the buckets, in seconds, for the time from the import of a block to a later
/// stage.
const STAGES: [f64; 12] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0];

type Label = [(&'static str, &'static str); 1];
type RequestLabels = [(&'static str, Cow<'static, str>); 3];
type RouteLabel = [(&'static str, Cow<'static, str>); 1];
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// A counter for each value of a label.
#[derive(Debug)]
pub struct LabelledCounter {
    label: &'static str,
    counters: Family<Label, Counter>,
}

impl LabelledCounter {
    fn new(
        registry: &mut Registry,
        name: &str,
        help: &str,
        label: &'static str,
        values: &[&'static str],
    ) -> Self {
        let counter = Self { label, counters: registered(registry, name, help, Family::default()) };
        values.iter().for_each(|value| counter.add(value, 0));
        counter
    }

    /// Adds `count` to the counter of a label value.
    pub fn add(&self, value: &'static str, count: u64) {
        self.counters.get_or_create(&[(self.label, value)]).inc_by(count);
    }
}

/// A histogram of seconds for each value of a label.
#[derive(Debug)]
pub struct LabelledHistogram {
    label: &'static str,
    histograms: Histograms<Label>,
}

impl LabelledHistogram {
    fn new(
        registry: &mut Registry,
        name: &str,
        help: &str,
        label: &'static str,
        values: &[&'static str],
        histogram: fn() -> Histogram,
    ) -> Self {
        let histograms = registered(registry, name, help, Histograms::new_with_constructor(histogram));
        for value in values {
            histograms.get_or_create_owned(&[(label, *value)]);
        }
        Self { label, histograms }
    }

    /// Records a duration in the histogram of a label value.
    pub fn observe(&self, value: &'static str, duration: Duration) {
        self.histograms.get_or_create(&[(self.label, value)]).observe(duration.as_secs_f64());
    }
}

/// Number and duration of HTTP requests by route.
#[derive(Debug)]
pub struct Requests {
    answered: Family<RequestLabels, Counter>,
    seconds: Histograms<RouteLabel>,
}

impl Requests {
    /// Records an answered request. `route` is the template of its path, never the path itself;
    /// `None` is recorded as `other`.
    pub fn observe(&self, method: &'static str, route: Option<&str>, status: u16, duration: Duration) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let route = || route.map_or(Cow::Borrowed("other"), |route| Cow::Owned(route.to_owned()));
        let labels = [("method", method.into()), ("route", route()), ("status", class.into())];
        self.answered.get_or_create(&labels).inc();
        self.seconds.get_or_create(&[("route", route())]).observe(duration.as_secs_f64());
    }
}

/// All metrics that a node updates while it runs.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Seconds to build the witness of a block, with the stage names of the reference.
    pub witness_generator: LabelledHistogram,
    /// Seconds from the import of a block to a later stage.
    pub process_block: LabelledHistogram,
    /// Versions of the account tree in memory.
    pub tree_cache_size: Gauge,
    /// HTTP requests on both addresses.
    pub requests: Requests,
    /// Open connections, by listener.
    pub connections: Family<Label, Gauge>,
    /// Seconds for an import, by kind.
    pub import_seconds: LabelledHistogram,
    /// Imports, by outcome.
    pub imports: LabelledCounter,
    /// Claimed jobs, by type.
    pub attempts: LabelledCounter,
    /// Heartbeats, by outcome.
    pub heartbeats: LabelledCounter,
    /// Claims that got no job although one was claimable, by reason.
    pub claims_withheld: LabelledCounter,
    /// Leases that ended without an accepted proof, by what happened to the job.
    pub leases_ended: LabelledCounter,
    /// Published proofs, by outcome.
    pub publishes: LabelledCounter,
    /// Rejected proofs, by reason.
    pub rejected_proofs: LabelledCounter,
    /// Seconds to verify a proof, by kind.
    pub verification_seconds: LabelledHistogram,
    /// Seconds for a sync of kv and journal.
    pub sync_seconds: Histogram,
    /// 1 while the node's database answers, 0 otherwise and without a node.
    pub node_up: Gauge,
    /// Number of blocks of the node that are not imported yet.
    pub node_blocks_behind: Gauge,
    /// Seconds for a step of the link to the node, by step.
    pub node_seconds: LabelledHistogram,
    /// Proofs handed back to the node, by outcome.
    pub node_handed_back: LabelledCounter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates the metrics, with all values at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let of = &mut registry;
        let work: fn() -> Histogram = || Histogram::new(WORK);
        let stages: fn() -> Histogram = || Histogram::new(STAGES);
        let connections = Family::<Label, Gauge>::default();
        for listener in ["main", "admin"] {
            connections.get_or_create_owned(&[("listener", listener)]);
        }
        Self {
            witness_generator: LabelledHistogram::new(
                of,
                "witness_generator",
                "Seconds to build the witness of a block",
                "stage",
                &["build_witness", "store_witness", "prepare_witness_and_save_it"],
                work,
            ),
            process_block: LabelledHistogram::new(
                of,
                "process_block",
                "Seconds from the import of a block until it reaches a stage",
                "stage",
                &["witnessed", "proven"],
                stages,
            ),
            tree_cache_size: registered(
                of,
                "tree_cache_size",
                "Versions of the account tree in memory that are not stored yet",
                Gauge::default(),
            ),
            requests: Requests {
                answered: registered(
                    of,
                    "witness_server_requests",
                    "Answered HTTP requests",
                    Family::default(),
                ),
                seconds: registered(
                    of,
                    "witness_server_request_seconds",
                    "Seconds from the head of a request to the head of its response",
                    Histograms::new_with_constructor(work),
                ),
            },
            connections: registered(of, "witness_server_connections", "Open connections", connections),
            import_seconds: LabelledHistogram::new(
                of,
                "witness_server_import_seconds",
                "Seconds from the start of an import until it is durable",
                "kind",
                &["genesis", "block", "aggregated_operation"],
                work,
            ),
            imports: LabelledCounter::new(
                of,
                "witness_server_imports",
                "Imports by outcome",
                "outcome",
                &["stored", "already_there", "quarantined", "refused", "failed"],
            ),
            attempts: LabelledCounter::new(
                of,
                "witness_server_attempts",
                "Jobs claimed by provers",
                "type",
                &["single", "aggregated"],
            ),
            heartbeats: LabelledCounter::new(
                of,
                "witness_server_heartbeats",
                "Heartbeats by outcome",
                "outcome",
                &["renewed", "not_found", "not_holder", "not_in_progress"],
            ),
            leases_ended: LabelledCounter::new(
                of,
                "witness_server_leases_ended",
                "Leases that ended without an accepted proof",
                "outcome",
                &["released", "waiting", "parked", "refused", "failed", "undelivered"],
            ),
            claims_withheld: LabelledCounter::new(
                of,
                "witness_server_claims_withheld",
                "Claims that got no job although one was claimable",
                "reason",
                &["paused", "blocked", "suspended", "limit"],
            ),
            publishes: LabelledCounter::new(
                of,
                "witness_server_publishes",
                "Published proofs by outcome",
                "outcome",
                &["stored", "duplicate", "rejected", "refused", "failed"],
            ),
            rejected_proofs: LabelledCounter::new(
                of,
                "witness_server_rejected_proofs",
                "Proofs rejected as invalid",
                "reason",
                &["malformed", "public_input", "not_verified"],
            ),
            verification_seconds: LabelledHistogram::new(
                of,
                "witness_server_verification_seconds",
                "Seconds to verify a proof",
                "kind",
                &["block", "aggregate"],
                work,
            ),
            sync_seconds: registered(
                of,
                "witness_server_sync_seconds",
                "Seconds for one sync of kv and journal, which concurrent writers share",
                work(),
            ),
            node_up: registered(
                of,
                "witness_server_node_up",
                "1 while the database of the node answers",
                Gauge::default(),
            ),
            node_blocks_behind: registered(
                of,
                "witness_server_node_blocks_behind",
                "Blocks of the node that are not imported yet",
                Gauge::default(),
            ),
            node_seconds: LabelledHistogram::new(
                of,
                "witness_server_node_seconds",
                "Seconds for a step of the link to the node",
                "step",
                &["start", "read", "import", "adopt", "hand_back"],
                work,
            ),
            node_handed_back: LabelledCounter::new(
                of,
                "witness_server_node_handed_back",
                "Proofs handed back to the node by outcome",
                "outcome",
                &["written", "same", "other"],
            ),
            registry,
        }
    }

    /// Returns the gauge of open connections of a listener.
    pub fn connections_of(&self, listener: &'static str) -> Gauge {
        self.connections.get_or_create_owned(&[("listener", listener)])
    }

    /// Writes all metrics in the Prometheus text format.
    pub fn write(&self, text: &mut String) -> Result<(), std::fmt::Error> {
        prometheus_text::encode(text, &self.registry)
    }
}

fn registered<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_its_own_counters() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.publishes.add("stored", 2);
        one.requests.observe("GET", Some("/api/v1/jobs/{id}"), 404, Duration::from_millis(3));
        let text = |metrics: &Metrics| {
            let mut text = String::new();
            metrics.write(&mut text).unwrap();
            text
        };
        let (one, other) = (text(&one), text(&other));
        for (line, in_other) in [
            ("witness_server_publishes_total{outcome=\"stored\"} 2\n", false),
            ("witness_server_publishes_total{outcome=\"stored\"} 0\n", true),
            (
                "witness_server_requests_total{method=\"GET\",route=\"/api/v1/jobs/{id}\",status=\"4xx\"} 1\n",
                false,
            ),
            ("witness_server_request_seconds_bucket{route=\"/api/v1/jobs/{id}\",le=\"0.005\"} 1\n", false),
        ] {
            assert_eq!((one.contains(line), other.contains(line)), (!in_other, in_other), "{line}\n{one}");
        }
    }
}
