//! Records of attempts, as stored and as shown to operators.

use serde::{Deserialize, Serialize};

use crate::domain::AttemptOutcome;
use crate::domain::job::JobType;
use crate::store::queue::job_record::JobRow;

/// The longest reason that is stored, in bytes.
const MAX_REASON: usize = 300;

/// One claim of a job by one prover. Times are in milliseconds since 1970. Stored; the layout is
/// frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Job id.
    pub job: u32,
    /// Single or aggregated proof.
    pub job_type: JobType,
    /// First block.
    pub first: u32,
    /// Last block; equal to `first` for a single job.
    pub last: u32,
    /// Size of the block in chunks; 0 for an aggregated job.
    pub chunks: u32,
    /// Name of the prover.
    pub prover: String,
    /// Time of the claim.
    pub begun_at_ms: u64,
    /// Time of the end; 0 while it is in progress.
    pub ended_at_ms: u64,
    /// The outcome; `None` while it is in progress.
    pub outcome: Option<AttemptOutcome>,
    /// The reason of a refusal, as a sentence; cut at 300 bytes.
    pub reason: Option<String>,
}

impl AttemptRecord {
    /// Returns an attempt in progress.
    pub(crate) fn begin(job: &JobRow, prover: &str, now_ms: u64) -> Self {
        Self {
            job: job.id,
            job_type: job.job_type,
            first: job.first,
            last: job.last,
            chunks: job.chunks,
            prover: prover.to_owned(),
            begun_at_ms: now_ms,
            ended_at_ms: 0,
            outcome: None,
            reason: None,
        }
    }

    /// Returns the attempt with its end.
    pub(crate) fn ended(self, end: &AttemptEnd, now_ms: u64) -> Self {
        let reason = end.reason.clone().map(|mut reason| {
            reason.truncate(reason.floor_char_boundary(MAX_REASON));
            reason
        });
        Self { ended_at_ms: now_ms.max(self.begun_at_ms), outcome: Some(end.outcome), reason, ..self }
    }

    /// Returns the size of the job: the chunks of the block, or the number of blocks of an
    /// aggregated job.
    pub fn size(&self) -> u32 {
        match self.job_type {
            JobType::Single => self.chunks,
            JobType::Aggregated => self.last.saturating_sub(self.first).saturating_add(1),
        }
    }

    /// Returns the time from the claim to the end, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.ended_at_ms.saturating_sub(self.begun_at_ms)
    }
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttemptEnd {
    pub outcome: AttemptOutcome,
    /// The reason of a refusal.
    pub reason: Option<String>,
}

impl From<AttemptOutcome> for AttemptEnd {
    fn from(outcome: AttemptOutcome) -> Self {
        Self { outcome, reason: None }
    }
}
