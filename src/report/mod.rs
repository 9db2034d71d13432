//! Views of a data folder, built for operators: the server sends them, the command line also reads
//! them from a folder that no server uses.
//!
//! Each is read by keys and by pages, so that its cost does not grow with the chain. The types are
//! in [`api::views`](crate::api::views).

mod aggregated;
mod attempt;
mod block;
mod explain;
mod heads;
mod job;
mod node_link;
mod prover;
mod rejected;
mod status;

pub(crate) use aggregated::aggregated_operations;
pub(crate) use attempt::{attempts, attempts_of_job};
pub(crate) use block::{blocks, operations};
pub(crate) use explain::explain;
pub(crate) use heads::ProvenHeads;
pub(crate) use job::{job, job_with_estimate, jobs, jobs_with_estimates};
pub(crate) use node_link::{explain_with_link, node_link, proofs_pending};
pub(crate) use prover::provers;
pub(crate) use rejected::rejected_proofs;
pub(crate) use status::{status, status_with_seen};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
