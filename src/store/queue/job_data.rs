//! The data of jobs. A witness is written once and served verbatim.

use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobDataRef, JobRow};

/// The protocol's `data` of a job: `prefix ‖ blob ‖ suffix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobData {
    /// JSON before the blob.
    pub prefix: Vec<u8>,
    /// The stored JSON.
    pub blob: BlobRef,
    /// JSON after the blob.
    pub suffix: Vec<u8>,
}

impl JobQueue {
    /// Returns the data of a job without claiming it; `None` if the job or its witness is missing.
    pub fn job_data(&self, id: u32) -> Result<Option<JobData>, StoreError> {
        self.job_row(id)?.map_or(Ok(None), |row| self.data_of(&row))
    }

    /// Returns `None` if the witness is missing.
    pub(crate) fn data_of(&self, row: &JobRow) -> Result<Option<JobData>, StoreError> {
        if let JobDataRef::Blob(blob) = &row.data {
            return Ok(Some(JobData { prefix: Vec::new(), blob: blob.clone(), suffix: Vec::new() }));
        }
        Ok(self.tree.witness_row(row.first)?.map(|witness| JobData {
            prefix: br#"{"BlockProof":["#.to_vec(),
            blob: witness.blob,
            suffix: format!(",{}]}}", witness.operations).into_bytes(),
        }))
    }
}
