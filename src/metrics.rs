//! What a node counts and times while it works. `docs/metrics.md` is the table of all of it.
//!
//! Each node has a registry of its own, so that several live in one process. Labels have few values, which are known beforehand and there from
//! the start: a rate needs a zero to begin at. Counting costs an atomic addition and a look-up under a lock that is shared, timing a
//! lock of one histogram for some additions.

use std::borrow::Cow;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// Upper bounds in seconds, for what takes between a millisecond and some minutes.
const WORK: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0];
/// Upper bounds in seconds, for the way of a block.
const WAY: [f64; 12] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0];

type Label = [(&'static str, &'static str); 1];
type RequestLabels = [(&'static str, Cow<'static, str>); 3];
type RouteLabel = [(&'static str, Cow<'static, str>); 1];
type Timed<L> = Family<L, Histogram, fn() -> Histogram>;

/// A counter for each value of a label.
#[derive(Debug)]
pub struct Tally {
    label: &'static str,
    counters: Family<Label, Counter>,
}

impl Tally {
    fn new(
        registry: &mut Registry,
        name: &str,
        help: &str,
        label: &'static str,
        values: &[&'static str],
    ) -> Self {
        let tally = Self { label, counters: registered(registry, name, help, Family::default()) };
        values.iter().for_each(|value| tally.add(value, 0));
        tally
    }

    /// Counts so many more.
    pub fn add(&self, value: &'static str, count: u64) {
        self.counters.get_or_create(&[(self.label, value)]).inc_by(count);
    }
}

/// A histogram of seconds for each value of a label.
#[derive(Debug)]
pub struct Timings {
    label: &'static str,
    histograms: Timed<Label>,
}

impl Timings {
    fn new(
        registry: &mut Registry,
        name: &str,
        help: &str,
        label: (&'static str, &[&'static str]),
        histogram: fn() -> Histogram,
    ) -> Self {
        let histograms = registered(registry, name, help, Timed::new_with_constructor(histogram));
        for value in label.1 {
            histograms.get_or_create_owned(&[(label.0, *value)]);
        }
        Self { label: label.0, histograms }
    }

    /// Something took so long.
    pub fn observe(&self, value: &'static str, took: Duration) {
        self.histograms.get_or_create(&[(self.label, value)]).observe(took.as_secs_f64());
    }
}

/// Requests by route.
#[derive(Debug)]
pub struct Requests {
    answered: Family<RequestLabels, Counter>,
    seconds: Timed<RouteLabel>,
}

impl Requests {
    /// A request was answered with this status. The route is the template of a path, of which there are few.
    pub fn observe(&self, method: &'static str, route: Option<&str>, status: u16, took: Duration) {
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
        self.seconds.get_or_create(&[("route", route())]).observe(took.as_secs_f64());
    }
}

/// See the module.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Times of a block's witness, named as the reference does.
    pub witness_generator: Timings,
    /// Time from the import of a block to a later stage.
    pub process_block: Timings,
    /// Versions of the account tree in memory.
    pub tree_cache_size: Gauge,
    /// Requests of both listeners.
    pub requests: Requests,
    /// Open connections, by listener.
    pub connections: Family<Label, Gauge>,
    /// Times of imports by kind.
    pub import_seconds: Timings,
    /// Imports by outcome.
    pub imports: Tally,
    /// Jobs handed out, by type.
    pub attempts: Tally,
    /// Heartbeats by outcome.
    pub heartbeats: Tally,
    /// Leases that ended without a proof, by what became of the job.
    pub leases_ended: Tally,
    /// Published proofs by outcome.
    pub publishes: Tally,
    /// Proofs that were at fault, by reason.
    pub rejected_proofs: Tally,
    /// Times of verifications, by kind of proof.
    pub verification_seconds: Timings,
    /// Times of syncs.
    pub sync_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let of = &mut registry;
        let work: fn() -> Histogram = || Histogram::new(WORK);
        let way: fn() -> Histogram = || Histogram::new(WAY);
        let connections = Family::<Label, Gauge>::default();
        for listener in ["main", "admin"] {
            connections.get_or_create_owned(&[("listener", listener)]);
        }
        Self {
            witness_generator: Timings::new(
                of,
                "witness_generator",
                "Seconds for the witness of a block",
                ("stage", &["build_witness", "store_witness", "prepare_witness_and_save_it"]),
                work,
            ),
            process_block: Timings::new(
                of,
                "process_block",
                "Seconds from the import of a block to a stage",
                ("stage", &["witnessed", "proven"]),
                way,
            ),
            tree_cache_size: registered(
                of,
                "tree_cache_size",
                "Versions of the account tree in memory above the stored one",
                Gauge::default(),
            ),
            requests: Requests {
                answered: registered(of, "witness_server_requests", "Answered requests", Family::default()),
                seconds: registered(
                    of,
                    "witness_server_request_seconds",
                    "Seconds from the head of a request to the head of its answer",
                    Timed::new_with_constructor(work),
                ),
            },
            connections: registered(of, "witness_server_connections", "Open connections", connections),
            import_seconds: Timings::new(
                of,
                "witness_server_import_seconds",
                "Seconds for an import, until it is on disk",
                ("kind", &["genesis", "block", "aggregated_operation"]),
                work,
            ),
            imports: Tally::new(
                of,
                "witness_server_imports",
                "Imports by outcome",
                "outcome",
                &["stored", "already_there", "quarantined", "refused", "failed"],
            ),
            attempts: Tally::new(
                of,
                "witness_server_attempts",
                "Jobs handed out",
                "type",
                &["single", "aggregated"],
            ),
            heartbeats: Tally::new(
                of,
                "witness_server_heartbeats",
                "Heartbeats by outcome",
                "outcome",
                &["renewed", "not_found", "not_holder", "not_in_progress"],
            ),
            leases_ended: Tally::new(
                of,
                "witness_server_leases_ended",
                "Leases that ended without a proof",
                "outcome",
                &["released", "waiting", "parked"],
            ),
            publishes: Tally::new(
                of,
                "witness_server_publishes",
                "Published proofs by outcome",
                "outcome",
                &["stored", "duplicate", "rejected", "refused", "failed"],
            ),
            rejected_proofs: Tally::new(
                of,
                "witness_server_rejected_proofs",
                "Proofs that were at fault",
                "reason",
                &["malformed", "public_input", "not_verified"],
            ),
            verification_seconds: Timings::new(
                of,
                "witness_server_verification_seconds",
                "Seconds to verify a proof",
                ("kind", &["block", "aggregate"]),
                work,
            ),
            sync_seconds: registered(
                of,
                "witness_server_sync_seconds",
                "Seconds for a sync of index and journal, which many writers may share",
                work(),
            ),
            registry,
        }
    }

    /// The gauge of the connections of a listener.
    pub fn connections_of(&self, listener: &'static str) -> Gauge {
        self.connections.get_or_create_owned(&[("listener", listener)])
    }

    /// All of it in the Prometheus text format.
    ///
    /// # Errors
    /// None that are known: it is written into memory.
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
    fn a_node_counts_for_itself() {
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
