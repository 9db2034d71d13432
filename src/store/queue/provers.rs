//! Provers: their last requests, and the outcomes of their attempts.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use crate::domain::job::JobType;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::codec;
use crate::store::kv::table::Table;
use crate::store::queue::attempt_log::AttemptLog;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::prover_record::ProverRecord;
use crate::store::queue::prover_table::ProverTable;

/// Number of the last attempts from which a start computes the usual durations of jobs.
const LOADED_ATTEMPTS: usize = 1_000;

impl JobQueue {
    /// Returns the time in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.core.now_ms()
    }

    /// Records a request of a prover.
    pub fn seen(&self, prover: &str) {
        self.prover_table().seen(prover, self.core.now_ms());
    }

    /// Counts an accepted proof of a prover, and adds its record to the transaction.
    pub(crate) fn count_accepted(&self, prover: &str, batch: &mut Batch) -> Result<(), StoreError> {
        let mut provers = self.prover_table();
        if let Some(prover) = provers.seen(prover, self.core.now_ms()) {
            prover.proofs = prover.proofs.saturating_add(1);
            prover.refused_in_row = 0;
            prover.suspended_until_ms = 0;
        }
        provers.write(batch, std::iter::once(prover))
    }

    /// Counts a rejected proof of a prover.
    pub fn count_rejected(&self, prover: &str) {
        if let Some(prover) = self.prover_table().seen(prover, self.core.now_ms()) {
            prover.rejected = prover.rejected.saturating_add(1);
        }
    }

    /// Returns the provers by name.
    pub fn provers(&self) -> BTreeMap<String, ProverRecord> {
        self.prover_table().all().clone()
    }

    /// Returns the median of the durations of the last jobs of a size, from claim to proof, in
    /// milliseconds; `None` if there are none. `size` is the number of chunks or blocks.
    pub fn median_duration_ms(&self, job_type: JobType, size: u32) -> Option<u64> {
        self.prover_table().median_duration_ms(job_type, size)
    }

    /// Locks the provers. It is taken after the lock of the queue, and for a moment only.
    pub(crate) fn prover_table(&self) -> MutexGuard<'_, ProverTable> {
        self.provers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts attempts that begin and end, and adds the records of their provers to the
    /// transaction.
    pub(crate) fn count_attempts(&self, log: &AttemptLog, batch: &mut Batch) -> Result<(), StoreError> {
        if log.begun.is_empty() && log.ended.is_empty() {
            return Ok(());
        }
        let now_ms = self.core.now_ms();
        let mut provers = self.prover_table();
        for attempt in &log.begun {
            provers.seen(&attempt.prover, now_ms);
        }
        log.ended.iter().for_each(|attempt| provers.ended(attempt));
        provers.write(batch, log.begun.iter().chain(&log.ended).map(|attempt| &*attempt.prover))
    }

    /// Loads the provers, unless they are in memory: those are newer than the kv.
    pub(crate) fn load_provers(&self) -> Result<(), StoreError> {
        if !self.prover_table().is_empty() {
            return Ok(());
        }
        let mut records: BTreeMap<String, ProverRecord> = BTreeMap::new();
        // Names are not ordered by length, so the end is above all of them.
        for (name, row) in self.core.kv.range(Table::Provers, &[], &[0xff], usize::MAX)? {
            let name = String::from_utf8(name)
                .map_err(|_| StoreError::corrupt("the name of a prover is not UTF-8"))?;
            records.insert(name, codec::decode("a prover", &row)?);
        }
        let attempts = self.last_attempts(LOADED_ATTEMPTS)?;
        *self.prover_table() = ProverTable::load(records, attempts);
        Ok(())
    }
}
