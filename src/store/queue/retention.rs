//! Retention: drops witnesses and finished jobs of verified blocks. Proofs and blocks stay.

use crate::domain::job::{JobStatus, JobType};
use crate::store::chain::witnesses::WitnessRow;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::keys::index;
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::JobRow;

/// Number of records that are read in one step and removed in one transaction.
const PAGE: usize = 100;

/// The numbers of items that retention dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropReport {
    /// Number of witnesses.
    pub witnesses: u32,
    /// Number of finished jobs of both types.
    pub jobs: u32,
}

impl JobQueue {
    /// Drops witnesses and finished jobs of verified blocks, except for the last `keep` of them. A
    /// witness whose job is not done stays, and so does the last job of each type, from which the
    /// next one follows.
    pub fn drop_verified(&self, keep: u32) -> Result<DropReport, StoreError> {
        let Some(last) = self.chain.last_verified_block()?.checked_sub(keep) else {
            return Ok(DropReport::default());
        };
        let report = DropReport {
            witnesses: self.drop_witnesses(last)?,
            jobs: self.drop_done_jobs(JobType::Single, last)?
                + self.drop_done_jobs(JobType::Aggregated, last)?,
        };
        if report != DropReport::default() {
            self.core.sync()?;
        }
        Ok(report)
    }

    fn drop_witnesses(&self, last: u32) -> Result<u32, StoreError> {
        self.core.ready()?;
        let (from, to) = (keys::number(0), keys::number(last.saturating_add(1)));
        let mut rows = self.core.kv.walk_range(Table::Witnesses, &from, &to).pages_of(PAGE);
        let mut dropped = 0;
        loop {
            // Both locks are released between two pages, for provers and maintainers.
            let _tree = self.tree.lock();
            let _queue = self.lock();
            let page = rows.next_page()?;
            if page.is_empty() {
                return Ok(dropped);
            }
            let mut batch = Batch::new();
            for (key, row) in page {
                let number = keys::head_number(&key).unwrap_or(0);
                let job = self.job_of_range(JobType::Single, number, number)?;
                let job = job.map(|id| self.job_row(id)).transpose()?.flatten();
                if job.is_none_or(|job| job.status == JobStatus::Done) {
                    let row: WitnessRow = codec::decode("a witness", &row)?;
                    batch.release(row.blob);
                    batch.remove(Table::Witnesses, &key);
                    dropped += 1;
                }
            }
            self.core.apply(batch)?;
        }
    }

    fn drop_done_jobs(&self, job_type: JobType, last: u32) -> Result<u32, StoreError> {
        self.core.ready()?;
        let last = last.min(self.last_block_in_queue(job_type)?.saturating_sub(1));
        let (from, to) = (index::ranges(job_type), index::ranges_after(job_type, last));
        let mut entries = self.core.kv.walk_range(Table::JobIndex, &from, &to).pages_of(PAGE);
        let mut dropped = 0;
        loop {
            let mut leases = self.lock();
            let page = entries.next_page()?;
            if page.is_empty() {
                return Ok(dropped);
            }
            let mut rows: Vec<JobRow> = Vec::new();
            for id in page.iter().filter_map(|(key, _)| keys::tail_number(key)) {
                rows.extend(self.job_row(id)?.filter(|row| row.status == JobStatus::Done));
            }
            dropped += u32::try_from(rows.len()).unwrap_or(u32::MAX);
            self.remove_jobs(&mut leases, rows)?;
        }
    }
}
