//! The provers in memory. Their records are written with the attempts that begin and end; what
//! happens in between, such as the time of a heartbeat, is lost with the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::AttemptOutcome;
use crate::domain::job::JobType;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::table::Table;
use crate::store::queue::attempt_record::AttemptRecord;
use crate::store::queue::job_record::MAX_PROVER_NAME;
use crate::store::queue::prover_record::ProverRecord;

/// Largest number of provers. A new one replaces the one that was silent for longest.
pub(crate) const MAX_PROVERS: usize = 1_000;

/// Largest number of replaced provers whose records one transaction removes, so that it stays small.
const MAX_REMOVED: usize = 50;

/// Number of durations stored for each size of a job.
const MAX_DURATIONS: usize = 50;

/// Statistics of all provers.
#[derive(Debug, Default)]
pub(crate) struct ProverTable {
    by_name: BTreeMap<String, ProverRecord>,
    /// Lease time of the last request for a job, in this run.
    asked: BTreeMap<String, u64>,
    /// Durations of the last proofs in milliseconds, by type and by chunks or number of blocks.
    durations: BTreeMap<(JobType, u32), VecDeque<u64>>,
    /// Provers of the table that have a stored record.
    stored: BTreeSet<String>,
    /// Replaced provers whose records are still stored.
    replaced: BTreeSet<String>,
}

impl ProverTable {
    /// Returns a table with the stored records, and the durations of the last attempts, the newest
    /// first.
    pub(crate) fn load(records: BTreeMap<String, ProverRecord>, attempts: Vec<AttemptRecord>) -> Self {
        let stored = records.keys().cloned().collect();
        let mut table = Self { by_name: records, stored, ..Self::default() };
        for attempt in attempts.iter().rev() {
            table.add_duration(attempt);
        }
        table
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns the provers by name.
    pub(crate) fn all(&self) -> &BTreeMap<String, ProverRecord> {
        &self.by_name
    }

    /// Records a request of a prover; returns its record, unless its name is too long.
    pub(crate) fn seen(&mut self, name: &str, now_ms: u64) -> Option<&mut ProverRecord> {
        if name.len() > MAX_PROVER_NAME {
            return None;
        }
        if !self.make_room(name) {
            return None;
        }
        self.returns(name);
        let prover = self.by_name.entry(name.to_owned()).or_default();
        if prover.first_seen_ms == 0 {
            prover.first_seen_ms = now_ms;
        }
        prover.last_seen_ms = prover.last_seen_ms.max(now_ms);
        Some(prover)
    }

    /// Replaces another prover if there is no room for this one; returns false if none can be
    /// replaced. A suspended or blocked prover is not replaced.
    pub(crate) fn make_room(&mut self, name: &str) -> bool {
        if self.by_name.contains_key(name) || self.by_name.len() < MAX_PROVERS {
            return true;
        }
        let replaceable = self
            .by_name
            .iter()
            .filter(|(_, prover)| prover.blocked_at_ms.is_none() && prover.refused_in_row == 0);
        let silent = replaceable.min_by_key(|(_, prover)| prover.last_seen_ms).map(|(name, _)| name.clone());
        let found = silent.is_some();
        if let Some(silent) = silent {
            self.by_name.remove(&silent);
            self.asked.remove(&silent);
            // Without a stored record, nothing of it is left.
            if self.stored.remove(&silent) {
                self.replaced.insert(silent);
            }
        }
        found
    }

    /// Keeps the stored record of a replaced prover that is in the table again.
    fn returns(&mut self, name: &str) {
        if self.replaced.remove(name) {
            self.stored.insert(name.to_owned());
        }
    }

    /// Puts a record into the table.
    pub(crate) fn put(&mut self, name: &str, prover: ProverRecord) {
        self.returns(name);
        self.by_name.insert(name.to_owned(), prover);
    }

    /// Records a request for a job, at a lease time.
    pub(crate) fn asked(&mut self, name: &str, lease_now_ms: u64) {
        if self.by_name.contains_key(name) {
            self.asked.insert(name.to_owned(), lease_now_ms);
        }
    }

    /// Returns the provers that asked for a job at a lease time or later.
    pub(crate) fn asked_since(&self, lease_ms: u64) -> impl Iterator<Item = (&String, &ProverRecord)> {
        let asked = self.asked.iter().filter(move |(_, at_ms)| **at_ms >= lease_ms);
        asked.filter_map(|(name, _)| self.by_name.get_key_value(name))
    }

    /// Counts the end of an attempt.
    pub(crate) fn ended(&mut self, attempt: &AttemptRecord) {
        self.add_duration(attempt);
        let Some(prover) = self.by_name.get_mut(&attempt.prover) else { return };
        if attempt.outcome == Some(AttemptOutcome::LeaseLost) {
            prover.leases_lost = prover.leases_lost.saturating_add(1);
        }
        if attempt.outcome == Some(AttemptOutcome::Accepted) {
            prover.add_time(attempt.job_type, attempt.size(), attempt.duration_ms());
        }
    }

    /// Adds the records of provers to a transaction, and removes some of those of replaced ones.
    pub(crate) fn write<'a>(
        &mut self,
        batch: &mut Batch,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<(), StoreError> {
        for _ in 0..MAX_REMOVED {
            let Some(name) = self.replaced.pop_first() else { break };
            batch.remove(Table::Provers, name.as_bytes());
        }
        for name in names {
            if let Some(prover) = self.by_name.get(name) {
                batch.put(Table::Provers, name.as_bytes(), prover)?;
                self.stored.insert(name.to_owned());
            }
        }
        Ok(())
    }

    /// Returns the median of the last durations of jobs of a size, in milliseconds; `None` if there
    /// are none.
    pub(crate) fn median_duration_ms(&self, job_type: JobType, size: u32) -> Option<u64> {
        let mut durations: Vec<u64> = self.durations.get(&(job_type, size))?.iter().copied().collect();
        durations.sort_unstable();
        durations.get(durations.len() / 2).copied()
    }

    fn add_duration(&mut self, attempt: &AttemptRecord) {
        if attempt.outcome != Some(AttemptOutcome::Accepted) {
            return;
        }
        let durations = self.durations.entry((attempt.job_type, attempt.size())).or_default();
        if durations.len() >= MAX_DURATIONS {
            durations.pop_front();
        }
        durations.push_back(attempt.duration_ms());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn proven(chunks: u32, ms: u64) -> AttemptRecord {
        AttemptRecord {
            job: 1,
            job_type: JobType::Single,
            first: 1,
            last: 1,
            chunks,
            prover: "p".to_owned(),
            begun_at_ms: 7,
            ended_at_ms: 7 + ms,
            outcome: Some(AttemptOutcome::Accepted),
            reason: None,
        }
    }

    #[test]
    fn the_median_is_of_the_last_durations_of_a_size() {
        let mut provers = ProverTable::default();
        assert_eq!(provers.median_duration_ms(JobType::Single, 10), None);
        for ms in [1_000; MAX_DURATIONS].into_iter().chain([5, 9, 7]) {
            provers.ended(&proven(10, ms));
        }
        assert_eq!(provers.median_duration_ms(JobType::Single, 10), Some(1_000));
        provers.ended(&AttemptRecord { outcome: Some(AttemptOutcome::Refused), ..proven(26, 1) });
        for ms in [8, 4, 6] {
            provers.ended(&proven(26, ms));
        }
        assert_eq!(provers.median_duration_ms(JobType::Single, 26), Some(6));
        assert_eq!(provers.median_duration_ms(JobType::Aggregated, 26), None);
    }

    #[test]
    fn a_new_prover_replaces_the_one_that_was_silent_for_longest() {
        let mut provers = ProverTable::default();
        // A prover that gets no job would get one again if it was forgotten.
        provers.put("blocked", ProverRecord { blocked_at_ms: Some(1), ..ProverRecord::default() });
        provers.put("refused", ProverRecord { refused_in_row: 1, ..ProverRecord::default() });
        provers.seen("p1", 101);
        provers.write(&mut Batch::new(), ["p1"].into_iter()).unwrap();
        for number in 0..=MAX_PROVERS as u64 - 2 {
            provers.seen(&format!("p{number}"), 100 + number);
            provers.seen("p0", 100 + number);
        }
        assert_eq!(provers.all().len(), MAX_PROVERS);
        assert!(["p0", "blocked", "refused"].iter().all(|name| provers.all().contains_key(*name)));
        assert!(!provers.all().contains_key("p1"));
        assert!(provers.seen(&"x".repeat(MAX_PROVER_NAME + 1), 1).is_none());
        let mut batch = Batch::new();
        provers.write(&mut batch, ["p0"].into_iter()).unwrap();
        let keys: Vec<&[u8]> = batch.writes().iter().map(|write| &write.key[..]).collect();
        assert_eq!(keys, [b"p1", b"p0"]);
    }

    #[test]
    fn replaced_provers_make_no_transaction_large() {
        let mut provers = ProverTable::default();
        let name = |number: u64| format!("{number:040}");
        let writes = |provers: &mut ProverTable, names: &[&str]| {
            let mut batch = Batch::new();
            provers.write(&mut batch, names.iter().copied()).unwrap();
            batch.writes().len()
        };
        // These ask for jobs and get none, so that no transaction writes them.
        for number in 0..20_000 {
            provers.seen(&name(number), 100 + number);
        }
        assert_eq!(writes(&mut provers, &[]), 0);
        let stored: Vec<String> = provers.all().keys().cloned().collect();
        for name in &stored {
            assert_eq!(writes(&mut provers, &[name]), 1);
        }
        for number in 20_000..22_000 {
            provers.seen(&name(number), 100 + number);
        }
        // One that returns keeps its record.
        provers.seen(&stored[0], 50_000);
        let removed: Vec<usize> =
            (0..=MAX_PROVERS / MAX_REMOVED).map(|_| writes(&mut provers, &[])).collect();
        assert!(removed.iter().all(|removed| *removed <= MAX_REMOVED));
        assert_eq!(removed.iter().sum::<usize>(), MAX_PROVERS - 1);
    }

    #[test]
    fn the_times_of_a_prover_are_bounded() {
        let mut prover = ProverRecord::default();
        for size in 0..40 {
            prover.add_time(JobType::Single, size, 10);
            prover.add_time(JobType::Single, 7, 20);
        }
        assert_eq!(prover.times.len(), 32);
        let seven = prover.times.iter().find(|times| times.size == 7).unwrap();
        assert_eq!((seven.proofs, seven.total_ms), (41, 810));
    }
}
