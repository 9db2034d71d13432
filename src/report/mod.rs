//! Views of a data folder, built for operators: the server sends them, the command line also reads
//! them from a folder that no server uses.
//!
//! Each is read by keys and by pages, so that its cost does not grow with the chain. The types are
//! in [`api::views`](crate::api::views).

mod aggregated;
mod block;
mod explain;
mod job;
mod prover;
mod rejected;
mod status;

pub use aggregated::aggregated_operations;
pub use block::{block, blocks};
pub use explain::explain;
pub use job::{job, job_with_estimate, jobs, jobs_with_estimates};
pub use prover::{holders, provers};
pub use rejected::rejected_proofs;
pub use status::{status, status_with_seen};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
