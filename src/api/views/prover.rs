//! A prover.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A prover that sent a request since the server started, or that holds a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverView {
    /// Its name, as sent by the prover.
    pub name: String,
    /// Time of its first request.
    pub first_seen_ms: u64,
    /// Time of its last request.
    pub last_seen_ms: u64,
    /// Ids of the jobs it holds, at most the first hundred.
    pub jobs: Vec<i32>,
    /// Number of jobs it holds.
    pub held: u64,
    /// Number of its proofs that were accepted since the server started.
    pub proofs: u64,
    /// Number of its proofs that were rejected since the server started.
    pub rejected: u64,
}

/// A page of provers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverPage {
    /// Provers, ordered by name.
    pub provers: Vec<ProverView>,
    /// The `after` of the next page; null on the last page.
    pub next: Option<String>,
}
