//! Records of provers, as stored and as shown to operators.

use serde::{Deserialize, Serialize};

use crate::domain::job::JobType;

/// Number of sizes of jobs for which the times of a prover are stored.
const MAX_SIZES: usize = 32;

/// Statistics of a prover, its suspension and its block. Times are in milliseconds since 1970.
/// Stored; the layout is frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverRecord {
    /// Time of its first request; 0 if it has sent none.
    pub first_seen_ms: u64,
    /// Time of its last request; 0 if it has sent none.
    pub last_seen_ms: u64,
    /// Number of its accepted proofs.
    pub proofs: u64,
    /// Number of its rejected proofs.
    pub rejected: u64,
    /// Number of its leases that ended without a heartbeat.
    pub leases_lost: u64,
    /// Number of its attempts that ended in a refused proof since its last accepted one.
    pub refused_in_row: u32,
    /// End of its suspension; 0 for none.
    pub suspended_until_ms: u64,
    /// Time since which an operator has blocked it; `None` if it is not blocked.
    pub blocked_at_ms: Option<u64>,
    /// The times of its accepted proofs, for at most 32 sizes of jobs.
    pub times: Vec<ProofTimes>,
}

/// The times that a prover took for accepted proofs of jobs of one size. Stored; the layout is
/// frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofTimes {
    /// Single or aggregated proof.
    pub job_type: JobType,
    /// Chunks of the block, or number of aggregated blocks.
    pub size: u32,
    /// Number of proofs.
    pub proofs: u64,
    /// Sum of their times from claim to proof, in milliseconds.
    pub total_ms: u64,
}

impl ProverRecord {
    /// Adds the time of an accepted proof.
    pub(crate) fn add_time(&mut self, job_type: JobType, size: u32, ms: u64) {
        let same = |times: &ProofTimes| (times.job_type, times.size) == (job_type, size);
        if !self.times.iter().any(same) {
            if self.times.len() >= MAX_SIZES {
                let rarest = self.times.iter().map(|times| times.proofs).min();
                let at = self.times.iter().position(|times| Some(times.proofs) == rarest);
                at.map(|at| self.times.remove(at));
            }
            self.times.push(ProofTimes { job_type, size, proofs: 0, total_ms: 0 });
        }
        if let Some(times) = self.times.iter_mut().find(|times| same(times)) {
            times.proofs = times.proofs.saturating_add(1);
            times.total_ms = times.total_ms.saturating_add(ms);
        }
    }
}
