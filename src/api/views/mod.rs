//! The JSON of `/api/v1`: answers of the routes, which the dashboard and the command line show.
//!
//! Times are in milliseconds since 1970; an absent value is null. `report` builds
//! them.

mod aggregated;
mod attempt;
mod block;
mod history;
mod job;
mod outcome;
mod page;
mod prover;
mod rejected;
mod status;

pub use aggregated::{AggregatedOperationPage, AggregatedOperationView};
pub use attempt::{AttemptPage, AttemptView};
pub use block::{
    Aggregate, AggregateStatus, BlockJob, BlockOperations, BlockPage, BlockProof, BlockView, Explanation,
    OperationKind, Stage,
};
pub use history::{HistoryPoint, HistoryView};
pub use job::{JobPage, JobView, RefusalView, Rejection, wire_id};
pub use outcome::{
    BlockOutcome, ClaimsOutcome, ImportOutcome, ImportOutcomeName, JobOutcome, OperatorView, ProverOutcome,
    Readiness, RequeueOutcome, RequeueRequest,
};
pub use page::{MAX_PAGE, Order, PAGE, page_size};
pub use prover::{ProofTimesView, ProverPage, ProverView};
pub use rejected::{RejectedProofPage, RejectedProofView};
pub use status::{
    BlockNumbers, GenesisStatus, JobTotals, NodeLinkFault, NodeLinkStatus, OperationNumbers,
    QuarantinedBlock, SpaceStatus, Status, StorageStatus, WithheldProver, WitnessFaultView,
};
