//! Job records: the stored bytes, and a job as shown to operators.

use serde::{Deserialize, Serialize};

use crate::domain::job::{JobStatus, JobType};
use crate::store::durable::blob_ref::BlobRef;

/// The longest name of a prover in bytes: names are part of records, which are small.
pub(crate) const MAX_PROVER_NAME: usize = 256;

/// A job as shown to operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Job id, from 1.
    pub id: u32,
    /// Single or aggregated proof.
    pub job_type: JobType,
    /// Status.
    pub status: JobStatus,
    /// First block.
    pub first: u32,
    /// Last block; equal to `first` for a single job.
    pub last: u32,
    /// Number of claims since the job was created or requeued, without those that do not count: with
    /// a refused proof, or an answer that did not arrive.
    pub attempts: u32,
    /// Provers whose proofs were refused since then, with the numbers of their refused attempts;
    /// empty for a job that is done.
    pub refusals: Vec<(String, u32)>,
    /// Name of the current or last holder.
    pub holder: Option<String>,
    /// Creation time in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Time of the last change of status or lease, in milliseconds since 1970.
    pub updated_at_ms: u64,
    /// Rest of the backoff of an idle job whose lease ended, in milliseconds.
    pub waits_ms: Option<u64>,
    /// Size of the block in chunks; `None` for an aggregated job.
    pub chunks: Option<u32>,
    /// Time of the claim of a job in progress, in milliseconds since 1970; `None` if an earlier
    /// version of the program did not record it.
    pub leased_since_ms: Option<u64>,
    /// Time of the claim or of the last heartbeat of a job in progress, in milliseconds since 1970.
    pub last_heartbeat_ms: Option<u64>,
}

impl JobRecord {
    /// Returns the size: the chunks of the block, or the number of blocks of an aggregated job.
    pub fn size(&self) -> u32 {
        self.chunks.unwrap_or_else(|| self.last.saturating_sub(self.first).saturating_add(1))
    }
}

/// Location of the data of a job. Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobDataRef {
    /// The witness of the block.
    Witness,
    /// A blob of its own.
    Blob(BlobRef),
}

/// Stored; the layout is frozen, including the order of the variants of type and status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobRow {
    pub id: u32,
    pub job_type: JobType,
    pub status: JobStatus,
    pub first: u32,
    pub last: u32,
    /// Size of the block in chunks; 0 for an aggregated job.
    pub chunks: u32,
    pub attempts: u32,
    pub holder: Option<String>,
    pub created_at_ms: u64,
    pub updated_at_ms: u64,
    pub data: JobDataRef,
}

impl JobRow {
    /// Returns the record without the fields that only the leases in memory have.
    pub(crate) fn record(self) -> JobRecord {
        JobRecord {
            id: self.id,
            job_type: self.job_type,
            status: self.status,
            first: self.first,
            last: self.last,
            attempts: self.attempts,
            refusals: Vec::new(),
            holder: self.holder,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
            waits_ms: None,
            chunks: (self.job_type == JobType::Single).then_some(self.chunks),
            leased_since_ms: None,
            last_heartbeat_ms: None,
        }
    }
}
