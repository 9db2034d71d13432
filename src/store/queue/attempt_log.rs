//! Attempts that begin and end in one transaction with the change of their job.
//!
//! Table `attempts` holds the attempt in progress of each job, and the last [`MAX_ATTEMPTS`] that
//! ended, numbered in the order of their ends, with an index by job.

use crate::domain::AttemptOutcome;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys::{attempts, meta};
use crate::store::kv::table::Table;
use crate::store::queue::attempt_record::{AttemptEnd, AttemptRecord};
use crate::store::queue::job_record::JobRow;

/// Number of ended attempts that are stored.
const MAX_ATTEMPTS: u64 = 10_000;

/// Number of ended attempts of a job that are searched for the one of a late proof.
const SEARCHED: usize = 100;

/// The attempts that one transaction begins and ends.
#[derive(Debug, Default)]
pub(crate) struct AttemptLog {
    /// The number of the next attempt that ends, once one has ended.
    next: Option<u64>,
    /// The attempts that begin.
    pub begun: Vec<AttemptRecord>,
    /// The attempts that end.
    pub ended: Vec<AttemptRecord>,
}

impl AttemptLog {
    pub(crate) fn begin(
        &mut self,
        batch: &mut Batch,
        job: &JobRow,
        prover: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let attempt = AttemptRecord::begin(job, prover, now_ms);
        batch.put(Table::Attempts, &attempts::open(job.id), &attempt)?;
        self.begun.push(attempt);
        Ok(())
    }

    /// Ends the attempt in progress of a job, if it has one.
    pub(crate) fn end(
        &mut self,
        kv: &Kv,
        batch: &mut Batch,
        job: u32,
        end: &AttemptEnd,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let key = attempts::open(job);
        let Some(attempt) = kv.get::<AttemptRecord>(Table::Attempts, &key)? else { return Ok(()) };
        batch.remove(Table::Attempts, &key);
        self.put_ended(kv, batch, attempt.ended(end, now_ms))
    }

    /// Gives another end to the last attempt of a prover at a job, whose proof came after the end.
    /// Does nothing if no such attempt is stored, or if a proof of it was published before.
    pub(crate) fn end_late(
        &mut self,
        kv: &Kv,
        batch: &mut Batch,
        (job, prover): (u32, &str),
        end: &AttemptEnd,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let Some((number, attempt)) = last_of(kv, job, prover)? else { return Ok(()) };
        if matches!(attempt.outcome, Some(AttemptOutcome::Accepted | AttemptOutcome::Refused)) {
            return Ok(());
        }
        batch.remove(Table::Attempts, &attempts::ended(number));
        batch.remove(Table::Attempts, &attempts::of_job(job, number));
        self.put_ended(kv, batch, attempt.ended(end, now_ms))
    }

    /// Writes the number of the next attempt.
    pub(crate) fn finish(&self, batch: &mut Batch) -> Result<(), StoreError> {
        match self.next {
            Some(next) => batch.put(Table::Meta, meta::NEXT_ATTEMPT, &next),
            None => Ok(()),
        }
    }

    fn put_ended(&mut self, kv: &Kv, batch: &mut Batch, attempt: AttemptRecord) -> Result<(), StoreError> {
        let number = match self.next {
            Some(next) => next,
            None => kv.get(Table::Meta, meta::NEXT_ATTEMPT)?.unwrap_or(0),
        };
        self.next = Some(number.saturating_add(1));
        batch.put(Table::Attempts, &attempts::ended(number), &attempt)?;
        batch.put_raw(Table::Attempts, &attempts::of_job(attempt.job, number), &[]);
        self.ended.push(attempt);
        let Some(oldest) = number.checked_sub(MAX_ATTEMPTS) else { return Ok(()) };
        let key = attempts::ended(oldest);
        if let Some(removed) = kv.get::<AttemptRecord>(Table::Attempts, &key)? {
            batch.remove(Table::Attempts, &key);
            batch.remove(Table::Attempts, &attempts::of_job(removed.job, oldest));
        }
        Ok(())
    }
}

/// Returns the last ended attempt of a prover at a job, with its number.
fn last_of(kv: &Kv, job: u32, prover: &str) -> Result<Option<(u64, AttemptRecord)>, StoreError> {
    let (from, to) = (attempts::of_job(job, 0), attempts::of_job(job, u64::MAX));
    for (key, _) in kv.range_back(Table::Attempts, &from, &to, SEARCHED)? {
        let Some(number) = attempts::number(&key) else { continue };
        let attempt: Option<AttemptRecord> = kv.get(Table::Attempts, &attempts::ended(number))?;
        if let Some(attempt) = attempt.filter(|attempt| attempt.prover == prover) {
            return Ok(Some((number, attempt)));
        }
    }
    Ok(None)
}
