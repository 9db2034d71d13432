//! The path of each route.
//!
//! Paths with parameters exist twice: as a template, which the server routes by, and as a function,
//! which fills the template in for a client.

use std::fmt::Display;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Main listener: returns `alive`.
pub const ALIVE: &str = "/status";
/// Prover protocol: claims a job.
pub const GET_JOB: &str = "/get_job";
/// Prover protocol: heartbeat for a claimed job.
pub const WORKING_ON: &str = "/working_on";
/// Prover protocol: publishes a proof.
pub const PUBLISH: &str = "/publish";
/// Prover protocol: releases the jobs of a prover that stops.
pub const STOPPED: &str = "/stopped";
/// Scaler protocol: the number of provers that are needed.
pub const REPLICAS: &str = "/api/internal/prover/replicas";

/// The OpenAPI document of the listener.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// State of the server.
pub const STATUS: &str = "/api/v1/status";
/// Progress over the last hour.
pub const HISTORY: &str = "/api/v1/history";
/// Server-sent events, one for each change of the state.
pub const EVENTS: &str = "/api/v1/events";
/// A backup file.
pub const BACKUP: &str = "/api/v1/backup";
/// The genesis: import, export.
pub const GENESIS: &str = "/api/v1/genesis";
/// Blocks: import, list.
pub const BLOCKS: &str = "/api/v1/blocks";
/// An imported block.
pub const BLOCK: &str = "/api/v1/blocks/{number}";
/// The witness of a block.
pub const WITNESS: &str = "/api/v1/blocks/{number}/witness";
/// The proof of a block.
pub const PROOF: &str = "/api/v1/blocks/{number}/proof";
/// The bundle of a block.
pub const BUNDLE: &str = "/api/v1/blocks/{number}/bundle";
/// The operations of a block by kind.
pub const OPERATIONS: &str = "/api/v1/blocks/{number}/operations";
/// The explanation of what a block waits for.
pub const EXPLAIN: &str = "/api/v1/blocks/{number}/explain";
/// Retries a quarantined block, or one whose job was dropped.
pub const RETRY: &str = "/api/v1/blocks/{number}/retry";
/// Aggregated operations: import, list.
pub const AGGREGATED_OPERATIONS: &str = "/api/v1/aggregated_operations";
/// The aggregated proof of a range of blocks.
pub const AGGREGATED_PROOF: &str = "/api/v1/aggregated_proofs/{first}/{last}";
/// Jobs.
pub const JOBS: &str = "/api/v1/jobs";
/// A job.
pub const JOB: &str = "/api/v1/jobs/{id}";
/// The data of a job, as sent to provers.
pub const JOB_DATA: &str = "/api/v1/jobs/{id}/data";
/// Requeues a job.
pub const REQUEUE: &str = "/api/v1/jobs/{id}/requeue";
/// Requeues many jobs.
pub const REQUEUE_MANY: &str = "/api/v1/jobs/requeue";
/// Pauses all claims.
pub const PAUSE: &str = "/api/v1/jobs/pause";
/// Ends the pause of all claims.
pub const RESUME: &str = "/api/v1/jobs/resume";
/// Drops a job.
pub const DROP: &str = "/api/v1/jobs/{id}/drop";
/// Attempts of provers.
pub const ATTEMPTS: &str = "/api/v1/attempts";
/// Provers.
pub const PROVERS: &str = "/api/v1/provers";
/// Keeps a prover from getting jobs.
pub const BLOCK_PROVER: &str = "/api/v1/provers/{name}/block";
/// Ends the block and the suspension of a prover.
pub const UNBLOCK_PROVER: &str = "/api/v1/provers/{name}/unblock";
/// Rejected proofs.
pub const REJECTED_PROOFS: &str = "/api/v1/rejected_proofs";
/// A rejected proof.
pub const REJECTED_PROOF: &str = "/api/v1/rejected_proofs/{number}";

/// Admin listener: returns `alive` as long as the process runs.
pub const HEALTHZ: &str = "/healthz";
/// Admin listener: whether the server is ready for work.
pub const READYZ: &str = "/readyz";
/// Admin listener: metrics in the Prometheus text format.
pub const METRICS: &str = "/metrics";
/// Admin listener: whether an operator token is configured.
pub const OPERATOR: &str = "/api/v1/operator";

/// Returns the path of [`BLOCK`].
pub fn block(number: u32) -> String {
    fill(BLOCK, &[&number])
}

/// Returns the path of [`WITNESS`].
pub fn witness(number: u32) -> String {
    fill(WITNESS, &[&number])
}

/// Returns the path of [`PROOF`].
pub fn proof(number: u32) -> String {
    fill(PROOF, &[&number])
}

/// Returns the path of [`BUNDLE`].
pub fn bundle(number: u32) -> String {
    fill(BUNDLE, &[&number])
}

/// Returns the path of [`EXPLAIN`].
pub fn explain(number: u32) -> String {
    fill(EXPLAIN, &[&number])
}

/// Returns the path of [`RETRY`].
pub fn retry(number: u32) -> String {
    fill(RETRY, &[&number])
}

/// Returns the path of [`AGGREGATED_PROOF`] for the blocks `first..=last`.
pub fn aggregated_proof(first: u32, last: u32) -> String {
    fill(AGGREGATED_PROOF, &[&first, &last])
}

/// Returns the path of [`JOB`].
pub fn job(id: impl Display) -> String {
    fill(JOB, &[&id])
}

/// Returns the path of [`JOB_DATA`].
pub fn job_data(id: impl Display) -> String {
    fill(JOB_DATA, &[&id])
}

/// Returns the path of [`REQUEUE`].
pub fn requeue(id: impl Display) -> String {
    fill(REQUEUE, &[&id])
}

/// Returns the path of [`DROP`].
pub fn drop(id: impl Display) -> String {
    fill(DROP, &[&id])
}

/// Returns the path of [`BLOCK_PROVER`].
pub fn block_prover(name: &str) -> String {
    fill(BLOCK_PROVER, &[&utf8_percent_encode(name, NON_ALPHANUMERIC)])
}

/// Returns the path of [`UNBLOCK_PROVER`].
pub fn unblock_prover(name: &str) -> String {
    fill(UNBLOCK_PROVER, &[&utf8_percent_encode(name, NON_ALPHANUMERIC)])
}

/// Returns the path of [`REJECTED_PROOF`].
pub fn rejected_proof(number: u32) -> String {
    fill(REJECTED_PROOF, &[&number])
}

/// Replaces the parameters of a template, in order.
fn fill(template: &str, values: &[&dyn Display]) -> String {
    let mut values = values.iter();
    let segments = template.split('/').map(|segment| match segment.starts_with('{') {
        true => values.next().map(ToString::to_string).unwrap_or_default(),
        false => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_order() {
        assert_eq!(witness(7), "/api/v1/blocks/7/witness");
        assert_eq!(aggregated_proof(3, 4), "/api/v1/aggregated_proofs/3/4");
        assert_eq!(job(-1), "/api/v1/jobs/-1");
        assert_eq!(block_prover("a/b c"), "/api/v1/provers/a%2Fb%20c/block");
    }
}
