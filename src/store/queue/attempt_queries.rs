//! Queries about attempts.

use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::keys::{attempts, meta};
use crate::store::kv::table::Table;
use crate::store::queue::attempt_record::AttemptRecord;
use crate::store::queue::job_queue::JobQueue;
use crate::tree::source::Entry;

/// Attempts, those in progress first, then the newest ends first; and the `before` of the next
/// page, if there is one.
pub(crate) type AttemptPage = (Vec<AttemptRecord>, Option<u64>);

impl JobQueue {
    /// Returns up to `limit` attempts that were in progress at `since_ms`, in milliseconds since
    /// 1970, or later: those that have not ended and the last ones that did, or only ended ones with
    /// a number below `before`.
    pub fn attempts(
        &self,
        since_ms: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AttemptPage, StoreError> {
        let kv = &self.core.kv;
        let mut found = Vec::new();
        let mut next: u64 = kv.get(Table::Meta, meta::NEXT_ATTEMPT)?.unwrap_or(0);
        if before.is_none() {
            let (from, to) = attempts::all_open();
            let open = kv.range(Table::Attempts, &from, &to, limit)?;
            found = open.into_iter().map(decoded).collect::<Result<_, _>>()?;
        }
        next = before.unwrap_or(next);
        let more = limit.saturating_sub(found.len());
        let (from, to) = (attempts::ended(0), attempts::ended(next));
        let ended = kv.range_back(Table::Attempts, &from, &to, more.saturating_add(1))?;
        for (key, row) in ended {
            let attempt: AttemptRecord = codec::decode("an attempt", &row)?;
            if attempt.ended_at_ms < since_ms {
                return Ok((found, None));
            }
            if found.len() == limit {
                return Ok((found, Some(next)));
            }
            found.push(attempt);
            next = attempts::number(&key).unwrap_or(0);
        }
        Ok((found, None))
    }

    /// Returns up to `limit` attempts at a job: the one in progress first, then the newest ends.
    pub fn attempts_of_job(&self, job: u32, limit: usize) -> Result<Vec<AttemptRecord>, StoreError> {
        let kv = &self.core.kv;
        let open: Option<AttemptRecord> = kv.get(Table::Attempts, &attempts::open(job))?;
        let mut found: Vec<AttemptRecord> = open.into_iter().collect();
        let (from, to) = (attempts::of_job(job, 0), attempts::of_job(job, u64::MAX));
        for (key, _) in kv.range_back(Table::Attempts, &from, &to, limit.saturating_sub(found.len()))? {
            let Some(number) = attempts::number(&key) else { continue };
            // It may have been removed since the index was read.
            found.extend(kv.get::<AttemptRecord>(Table::Attempts, &attempts::ended(number))?);
        }
        Ok(found)
    }

    /// Returns the attempt in progress of a job.
    pub(crate) fn attempt_in_progress(&self, job: u32) -> Result<Option<AttemptRecord>, StoreError> {
        self.core.kv.get(Table::Attempts, &attempts::open(job))
    }

    /// Returns up to `limit` of the last attempts that ended, the newest first.
    pub(crate) fn last_attempts(&self, limit: usize) -> Result<Vec<AttemptRecord>, StoreError> {
        let (from, to) = (attempts::ended(0), attempts::ended(u64::MAX));
        self.core.kv.range_back(Table::Attempts, &from, &to, limit)?.into_iter().map(decoded).collect()
    }
}

fn decoded((_, row): Entry) -> Result<AttemptRecord, StoreError> {
    codec::decode("an attempt", &row)
}
