//! A prover.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::job::JobType;

/// A prover that sent a request, that holds a job, or that an operator has blocked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverView {
    /// Its name, as sent by the prover.
    pub name: String,
    /// Time of its first request; 0 if it has sent none.
    pub first_seen_ms: u64,
    /// Time of its last request; 0 if it has sent none.
    pub last_seen_ms: u64,
    /// Ids of the jobs it holds, at most the first hundred.
    pub jobs: Vec<i32>,
    /// Number of jobs it holds.
    pub held: u64,
    /// Number of its proofs that were accepted.
    pub proofs: u64,
    /// Number of its proofs that were rejected.
    pub rejected: u64,
    /// Number of its leases that ended without a heartbeat.
    #[serde(default)]
    pub leases_lost: u64,
    /// Number of its attempts that ended in a refused proof since its last accepted proof.
    #[serde(default)]
    pub refused_in_row: u32,
    /// End of its suspension after refused proofs: until then it gets no job; null if it is not
    /// suspended.
    #[serde(default)]
    pub suspended_until_ms: Option<u64>,
    /// Time since which an operator keeps it from getting jobs; null if it is not blocked.
    #[serde(default)]
    pub blocked_at_ms: Option<u64>,
    /// The times of its accepted proofs by size of the job, for at most 32 sizes.
    #[serde(default)]
    pub times: Vec<ProofTimesView>,
}

/// The times that a prover took for accepted proofs of jobs of one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofTimesView {
    /// Kind of proof.
    pub r#type: JobType,
    /// Size: the chunks of the block, or the number of aggregated blocks.
    pub size: u32,
    /// Number of proofs.
    pub proofs: u64,
    /// Mean time from claim to proof, in milliseconds.
    pub mean_ms: u64,
}

/// A page of provers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverPage {
    /// Provers, ordered by name.
    pub provers: Vec<ProverView>,
    /// The `after` of the next page; null on the last page.
    pub next: Option<String>,
}
