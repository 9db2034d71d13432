//! Statistics of the provers seen in this run. They are in memory and bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::job::JobType;

/// Largest number of provers. A new one replaces the one that was silent for longest.
const MAX_PROVERS: usize = 1_000;

/// Longest name in bytes. The queue refuses longer ones.
const MAX_NAME: usize = 256;

/// Number of durations stored for each size of a job.
const MAX_DURATIONS: usize = 50;

/// Statistics of a prover. Times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProverStats {
    /// Time of its first request.
    pub first_ms: u64,
    /// Time of its last request.
    pub last_ms: u64,
    /// Number of accepted proofs.
    pub proofs: u64,
    /// Number of rejected proofs.
    pub rejected: u64,
}

/// Statistics of all provers.
#[derive(Debug, Default)]
pub struct Provers {
    by_name: Mutex<BTreeMap<String, ProverStats>>,
    /// Durations of the last proofs in milliseconds, by type and by chunks or number of blocks.
    durations: Mutex<BTreeMap<(JobType, u32), VecDeque<u64>>>,
}

impl Provers {
    /// Records a request of a prover.
    pub fn seen(&self, name: &str, now_ms: u64) {
        self.note(name, now_ms, |_| {});
    }

    /// Records a published proof of a prover.
    pub fn published(&self, name: &str, now_ms: u64, accepted: bool) {
        self.note(name, now_ms, |stats| if accepted { stats.proofs += 1 } else { stats.rejected += 1 });
    }

    /// Records the duration of a job from its claim to its proof. `size` is its number of chunks or
    /// blocks.
    pub fn record_duration(&self, job_type: JobType, size: u32, ms: u64) {
        let mut by_size = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = by_size.entry((job_type, size)).or_default();
        if durations.len() >= MAX_DURATIONS {
            durations.pop_front();
        }
        durations.push_back(ms);
    }

    /// Returns the median of the last durations of jobs of a size, in milliseconds; `None` if there
    /// are none.
    pub fn median_duration_ms(&self, job_type: JobType, size: u32) -> Option<u64> {
        let by_size = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        let mut durations: Vec<u64> = by_size.get(&(job_type, size))?.iter().copied().collect();
        durations.sort_unstable();
        durations.get(durations.len() / 2).copied()
    }

    /// Returns the statistics of all provers, by name.
    pub fn all(&self) -> BTreeMap<String, ProverStats> {
        self.lock().clone()
    }

    fn note(&self, name: &str, now_ms: u64, change: impl FnOnce(&mut ProverStats)) {
        if name.len() > MAX_NAME {
            return;
        }
        let mut provers = self.lock();
        if !provers.contains_key(name) {
            if provers.len() >= MAX_PROVERS {
                let oldest =
                    provers.iter().min_by_key(|(_, stats)| stats.last_ms).map(|(name, _)| name.clone());
                oldest.and_then(|name| provers.remove(&name));
            }
            provers.insert(name.to_owned(), ProverStats { first_ms: now_ms, ..ProverStats::default() });
        }
        if let Some(stats) = provers.get_mut(name) {
            stats.last_ms = now_ms;
            change(stats);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ProverStats>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_the_last_durations_of_a_size() {
        let provers = Provers::default();
        assert_eq!(provers.median_duration_ms(JobType::Single, 10), None);
        for ms in [1_000; MAX_DURATIONS].into_iter().chain([5, 9, 7]) {
            provers.record_duration(JobType::Single, 10, ms);
        }
        assert_eq!(provers.median_duration_ms(JobType::Single, 10), Some(1_000));
        provers.record_duration(JobType::Single, 26, 8);
        provers.record_duration(JobType::Single, 26, 4);
        provers.record_duration(JobType::Single, 26, 6);
        assert_eq!(provers.median_duration_ms(JobType::Single, 26), Some(6));
        assert_eq!(provers.median_duration_ms(JobType::Aggregated, 26), None);
    }

    #[test]
    fn a_new_prover_replaces_the_one_that_was_silent_for_longest() {
        let provers = Provers::default();
        for number in 0..=MAX_PROVERS as u64 {
            provers.seen(&format!("p{number}"), 100 + number);
            provers.seen("p0", 100 + number);
        }
        let all = provers.all();
        assert_eq!(all.len(), MAX_PROVERS);
        assert!(all.contains_key("p0") && !all.contains_key("p1"));
        provers.published("p0", 5_000, true);
        provers.published("p0", 5_001, false);
        let expected = ProverStats { first_ms: 100, last_ms: 5_001, proofs: 1, rejected: 1 };
        assert_eq!(provers.all()["p0"], expected);
    }
}
