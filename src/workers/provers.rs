//! The provers that were seen in this run, and what became of their proofs. In memory, and bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::job::JobType;

/// Provers that are remembered; the one that was not seen for longest is forgotten for a new one.
const MAX_PROVERS: usize = 1_000;

/// Longer names are not remembered, in bytes; the queue refuses them.
const MAX_NAME: usize = 256;

/// Durations that are remembered of each size.
const MAX_DURATIONS: usize = 50;

/// What is known of a prover. Times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it was seen first.
    pub first_ms: u64,
    /// When it was seen last.
    pub last_ms: u64,
    /// How many of its proofs were taken.
    pub proofs: u64,
    /// How many of its proofs were refused.
    pub rejected: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Provers {
    by_name: Mutex<BTreeMap<String, Seen>>,
    /// By type, and by chunks or number of blocks: how long the last proofs took, in milliseconds.
    took: Mutex<BTreeMap<(JobType, u32), VecDeque<u64>>>,
}

impl Provers {
    /// A prover asked for a job, sent a heartbeat or stopped.
    pub fn seen(&self, name: &str, now_ms: u64) {
        self.note(name, now_ms, |_| {});
    }

    /// A proof of a prover was taken or refused.
    pub fn published(&self, name: &str, now_ms: u64, taken: bool) {
        self.note(name, now_ms, |seen| if taken { seen.proofs += 1 } else { seen.rejected += 1 });
    }

    /// A job of so many chunks, or blocks, was proven so long after it was handed out.
    pub fn took(&self, job_type: JobType, size: u32, ms: u64) {
        let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = took.entry((job_type, size)).or_default();
        if durations.len() >= MAX_DURATIONS {
            durations.pop_front();
        }
        durations.push_back(ms);
    }

    /// The median of how long jobs of that size took, in milliseconds; `None` while there were none.
    pub fn usual_ms(&self, job_type: JobType, size: u32) -> Option<u64> {
        let took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        let mut durations: Vec<u64> = took.get(&(job_type, size))?.iter().copied().collect();
        durations.sort_unstable();
        durations.get(durations.len() / 2).copied()
    }

    /// All of them, by name.
    pub fn all(&self) -> BTreeMap<String, Seen> {
        self.lock().clone()
    }

    fn note(&self, name: &str, now_ms: u64, change: impl FnOnce(&mut Seen)) {
        if name.len() > MAX_NAME {
            return;
        }
        let mut provers = self.lock();
        if !provers.contains_key(name) {
            if provers.len() >= MAX_PROVERS {
                let oldest =
                    provers.iter().min_by_key(|(_, seen)| seen.last_ms).map(|(name, _)| name.clone());
                oldest.and_then(|name| provers.remove(&name));
            }
            provers.insert(name.to_owned(), Seen { first_ms: now_ms, ..Seen::default() });
        }
        if let Some(seen) = provers.get_mut(name) {
            seen.last_ms = now_ms;
            change(seen);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_last_durations_of_a_size_is_the_usual_one() {
        let provers = Provers::default();
        assert_eq!(provers.usual_ms(JobType::Single, 10), None);
        for ms in [1_000; MAX_DURATIONS].into_iter().chain([5, 9, 7]) {
            provers.took(JobType::Single, 10, ms);
        }
        assert_eq!(provers.usual_ms(JobType::Single, 10), Some(1_000));
        provers.took(JobType::Single, 26, 8);
        provers.took(JobType::Single, 26, 4);
        provers.took(JobType::Single, 26, 6);
        assert_eq!(provers.usual_ms(JobType::Single, 26), Some(6));
        assert_eq!(provers.usual_ms(JobType::Aggregated, 26), None);
    }

    #[test]
    fn the_one_that_was_not_seen_for_longest_is_forgotten() {
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
        let expected = Seen { first_ms: 100, last_ms: 5_001, proofs: 1, rejected: 1 };
        assert_eq!(provers.all()["p0"], expected);
    }
}
