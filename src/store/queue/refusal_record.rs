//! The refused proofs of a job that is not done.

use serde::{Deserialize, Serialize};

/// Number of provers whose refusals are stored for a job.
const MAX_PROVERS: usize = 100;

/// The attempts at a job that ended in a refused proof, by prover, since the job was created or
/// requeued. Stored; the layout is frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusalRecord {
    /// Name of a prover and the number of its refused attempts.
    pub by_prover: Vec<(String, u32)>,
}

impl RefusalRecord {
    pub(crate) fn add(&mut self, prover: &str) {
        if !self.has(prover) && self.by_prover.len() < MAX_PROVERS {
            self.by_prover.push((prover.to_owned(), 0));
        }
        if let Some((_, count)) = self.by_prover.iter_mut().find(|(name, _)| name == prover) {
            *count = count.saturating_add(1);
        }
    }

    pub(crate) fn has(&self, prover: &str) -> bool {
        self.by_prover.iter().any(|(name, _)| name == prover)
    }

    /// Returns the number of refused attempts.
    pub(crate) fn attempts(&self) -> u32 {
        self.by_prover.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Returns true if the job has failed: `max_attempts` provers had a proof refused, or one prover
    /// had that number of proofs refused.
    pub(crate) fn used_up(&self, max_attempts: Option<u32>) -> bool {
        let provers = u32::try_from(self.by_prover.len()).unwrap_or(u32::MAX);
        max_attempts
            .is_some_and(|max| provers >= max || self.by_prover.iter().any(|(_, count)| *count >= max))
    }
}
