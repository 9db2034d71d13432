//! `/metrics`: the counters of the node, and gauges of its store and process that are read for each
//! request.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::{family::Family, gauge::Gauge};
use prometheus_client::registry::Registry;

use super::{error::ApiError, live::monitor::Monitor};
use crate::{
    domain::AggregatedAction,
    domain::job::JobType,
    report,
    store::{JobCounts, Store, StoreBytes, StoreError},
    workers::Node,
};

/// Maximum number of quarantined blocks that are counted, so that no request reads a whole table.
const MAX_QUARANTINED: usize = 100;

type Label = [(&'static str, &'static str); 1];
/// A gauge of bytes or of blocks, exact up to 2⁵³.
type Number = Gauge<f64, AtomicU64>;

/// Renders the metrics of a node.
pub(super) struct Exporter {
    node: Arc<Node>,
    monitor: Monitor,
}

impl Exporter {
    /// Returns the exporter of `node`.
    pub(super) fn new(node: Arc<Node>, monitor: Monitor) -> Self {
        Self { node, monitor }
    }

    fn text(&self) -> Result<String, ExportError> {
        let mut text = String::new();
        self.node.metrics().write(&mut text)?;
        prometheus_text::encode(&mut text, &self.now()?)?;
        Ok(text)
    }

    /// Returns the gauges with their current values.
    fn now(&self) -> Result<Registry, ExportError> {
        let mut now = Registry::default();
        let store = self.node.store();
        let versions = numbers(&mut now, "witness_server_info", "1, with the version of the program");
        set(&versions, "version", env!("CARGO_PKG_VERSION"), 1.0);
        chain(&mut now, store, self.monitor.proven())?;
        let queue = numbers(&mut now, "witness_server_jobs", "Jobs by status");
        let JobCounts { idle, in_progress, done, failed } = store.queue().counts()?;
        for (status, count) in
            [("idle", idle), ("in_progress", in_progress), ("done", done), ("failed", failed)]
        {
            set(&queue, "status", status, count as f64);
        }
        let stale = "Jobs whose lease ended and that cannot be claimed again yet";
        number(&mut now, "stale_jobs", stale, store.queue().stale_jobs() as f64);
        let since = store.queue().claimable_since_ms()?;
        let age = since.map_or(0, |since| self.node.now_ms().saturating_sub(since));
        let help = "Seconds for which the oldest claimable job waits for a prover, 0 if there is none";
        number(&mut now, "witness_server_claimable_seconds", help, age as f64 / 1_000.0);
        let paused = f64::from(u8::from(store.queue().paused_at_ms()?.is_some()));
        number(&mut now, "witness_server_claims_paused", "1 while an operator has paused all claims", paused);
        let help = "Provers that get no job: suspended after refused proofs, or blocked by an operator";
        let withheld = numbers(&mut now, "witness_server_provers_withheld", help);
        let (suspended, blocked) = store.queue().withheld_provers();
        set(&withheld, "reason", "suspended", suspended as f64);
        set(&withheld, "reason", "blocked", blocked as f64);
        let wanted = "Number of provers that is reported to a scaler";
        number(&mut now, "witness_server_needed_provers", wanted, self.node.needed_provers()? as f64);
        let verifying = self.node.verifier().map_or(0, |verifier| verifier.in_flight());
        let help = "Proofs being verified or waiting for verification";
        number(&mut now, "witness_server_verifications_under_way", help, verifying as f64);
        let help = "Proofs that are not in the node's tables yet, counted up to 10000 of each type";
        number(&mut now, "witness_server_node_proofs_pending", help, report::proofs_pending(store)? as f64);
        self.space(&mut now)?;
        process(&mut now);
        Ok(now)
    }

    fn space(&self, now: &mut Registry) -> Result<(), StoreError> {
        let space = self.node.store().space();
        let free = space.free_bytes.map_or(f64::NAN, |free| free as f64);
        number(now, "witness_server_free_bytes", "Free bytes of the file system of the data folder", free);
        let floor = "Free bytes below which nothing new is started";
        number(now, "witness_server_min_free_bytes", floor, space.min_free_bytes as f64);
        let low = "1 while nothing new is started because free space is below the floor";
        number(now, "witness_server_space_low", low, f64::from(u8::from(space.low)));
        let Some(StoreBytes { kv: index, blobs, journal }) = self.monitor.bytes() else { return Ok(()) };
        let sizes = numbers(now, "witness_server_store_bytes", "Size of a part of the data folder");
        for (part, bytes) in [("index", index), ("blobs", blobs), ("journal", journal)] {
            set(&sizes, "part", part, bytes as f64);
        }
        Ok(())
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// Returns the metrics in the Prometheus text format.
pub(super) async fn metrics(State(exporter): State<Arc<Exporter>>) -> Result<Response, ApiError> {
    let text = tokio::task::spawn_blocking(move || exporter.text()).await;
    let text = match text {
        Ok(text) => text.map_err(|error| match error {
            ExportError::Store(error) => error.into(),
            ExportError::Format(error) => unavailable(&error),
        })?,
        Err(error) => return Err(unavailable(&error)),
    };
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response())
}

fn unavailable(error: &dyn fmt::Display) -> ApiError {
    ApiError::Unavailable { reason: format!("the metrics cannot be read: {error}") }
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Format(#[from] fmt::Error),
}

fn chain(now: &mut Registry, store: &Store, proven: u32) -> Result<(), StoreError> {
    let witnessed = store.tree().head()?;
    let processed = numbers(now, "last_processed_block", "The last block with a witness");
    set(&processed, "stage", "witness_generator", witnessed.into());
    let heads = numbers(now, "witness_server_last_block", "The last block of a stage, 0 for none");
    let operations = |action| store.chain().last_block_of(action);
    for (stage, block) in [
        ("imported", store.chain().head()?),
        ("witnessed", witnessed),
        ("queued", store.queue().last_block_in_queue(JobType::Single)?),
        ("proven", proven),
        ("queued_aggregated", store.queue().last_block_in_queue(JobType::Aggregated)?),
        ("commit_blocks", operations(AggregatedAction::CommitBlocks)?),
        ("create_proof_blocks", operations(AggregatedAction::CreateProofBlocks)?),
        ("publish_proof_blocks_onchain", operations(AggregatedAction::PublishProofBlocksOnchain)?),
        ("execute_blocks", operations(AggregatedAction::ExecuteBlocks)?),
        ("verified", store.chain().last_verified_block()?),
    ] {
        set(&heads, "stage", stage, block.into());
    }
    let quarantined = store.chain().quarantined_from(0, MAX_QUARANTINED)?.len();
    let help = "Quarantined blocks, counted up to 100";
    number(now, "witness_server_quarantined_blocks", help, quarantined as f64);
    Ok(())
}

/// Registers the values that the system reports about this process, if any.
fn process(now: &mut Registry) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let open = std::fs::read_dir(Path::new("/proc/self/fd")).ok().map(|entries| entries.count() as f64);
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let values = [
        (
            "process_resident_memory_bytes",
            "Resident memory of this process",
            field("VmRSS").map(|kib| kib * 1024.0),
        ),
        ("process_threads", "Threads of this process", field("Threads")),
        ("process_open_fds", "Open descriptors of this process", open),
        (
            "process_max_fds",
            "Maximum number of open descriptors of this process",
            most.map(|most| most as f64),
        ),
    ];
    for (name, help, value) in values {
        if let Some(value) = value {
            number(now, name, help, value);
        }
    }
}

fn number(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Number::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn numbers(registry: &mut Registry, name: &str, help: &str) -> Family<Label, Number> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn set(family: &Family<Label, Number>, label: &'static str, value: &'static str, number: f64) {
    family.get_or_create(&[(label, value)]).set(number);
}
