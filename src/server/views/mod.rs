//! What operators are shown, as JSON: the answers of `/api/v1`, the page, and the command line, which reads the same from a folder.
//!
//! Each is read by keys and by pages: none costs more the longer the chain is. Times are in milliseconds since 1970; what is absent is
//! null.

pub mod aggregated;
pub mod block;
pub mod explain;
pub mod history;
pub mod job;
pub mod outcome;
pub mod prover;
pub mod rejected;

pub use aggregated::{AggregatedOperationPage, AggregatedOperationView};
pub use block::{BlockPage, BlockView, Order, Stage};
pub use explain::Explanation;
pub use history::{HistoryPoint, HistoryView};
pub use job::{JobPage, JobStatusName, JobTypeName, JobView};
pub use outcome::{BlockOutcome, ImportOutcome, ImportOutcomeName, JobOutcome, OperatorView, Readiness};
pub use prover::{ProverPage, ProverView};
pub use rejected::{RejectedProofPage, RejectedProofView};

/// Entries of a list that are given when nobody says how many.
pub const PAGE: usize = 100;
/// Entries of a list that are given at most.
pub const MAX_PAGE: usize = 1000;

/// The size of a page that is asked for, within bounds.
pub fn page_size(limit: Option<u32>) -> usize {
    limit.map_or(PAGE, |limit| limit as usize).clamp(1, MAX_PAGE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
