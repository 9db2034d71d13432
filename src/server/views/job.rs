//! A job as shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::job::{JobStatus, JobType},
    server::refusal::wire_id,
    store::{JobRecord, Store, StoreError},
    workers::Node,
};

/// A proving job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id, from 1.
    pub id: i32,
    /// What is to be proven.
    pub r#type: JobTypeName,
    /// Where it stands.
    pub status: JobStatusName,
    /// Lower is handed out first.
    pub priority: u8,
    /// First block.
    pub first_block: u32,
    /// Last block; the same for a single proof.
    pub last_block: u32,
    /// Size of the block in chunks; null for an aggregated proof.
    pub chunks: Option<u32>,
    /// How often it was handed out since it was made or requeued.
    pub attempts: u32,
    /// The prover that has it, or had it last.
    pub holder: Option<String>,
    /// When it was made.
    pub created_at_ms: u64,
    /// When its status or lease changed last.
    pub updated_at_ms: u64,
    /// Of an idle job whose lease ended: in how many milliseconds it is handed out again.
    pub waits_ms: Option<u64>,
    /// Of a job in progress: when it was handed out; null when that was before the server started.
    pub leased_since_ms: Option<u64>,
    /// Of a job in progress: when its prover was heard of last.
    pub last_heartbeat_ms: Option<u64>,
    /// Of a job in progress: how many milliseconds are left, judged by those of its size that were proven since the server
    /// started; null while there are none.
    pub eta_ms: Option<u64>,
}

/// What is to be proven, as the protocol of the provers calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum JobTypeName {
    /// One block.
    #[serde(rename = "SINGLE_PROOF")]
    Single,
    /// The proofs of a range of blocks.
    #[serde(rename = "AGGREGATED_PROOF")]
    Aggregated,
}

/// Where a job stands, as written in answers and queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatusName {
    /// Waits for a prover.
    Idle,
    /// A prover has it.
    InProgress,
    /// Its proof is stored.
    Done,
    /// Parked after too many attempts, until an operator requeues it.
    Failed,
}

impl JobStatusName {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl From<JobType> for JobTypeName {
    fn from(job_type: JobType) -> Self {
        match job_type {
            JobType::Single => Self::Single,
            JobType::Aggregated => Self::Aggregated,
        }
    }
}

impl From<JobStatus> for JobStatusName {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Idle => Self::Idle,
            JobStatus::InProgress => Self::InProgress,
            JobStatus::Done => Self::Done,
            JobStatus::Failed => Self::Failed,
        }
    }
}

impl From<JobStatusName> for JobStatus {
    fn from(name: JobStatusName) -> Self {
        match name {
            JobStatusName::Idle => Self::Idle,
            JobStatusName::InProgress => Self::InProgress,
            JobStatusName::Done => Self::Done,
            JobStatusName::Failed => Self::Failed,
        }
    }
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        Self::with_usual(job, None, 0)
    }
}

impl JobView {
    fn with_usual(job: JobRecord, usual_ms: Option<u64>, now_ms: u64) -> Self {
        let since = job.leased_since_ms;
        let left = |usual: u64| Some(usual.saturating_sub(now_ms.saturating_sub(since?)));
        Self {
            eta_ms: usual_ms.and_then(left),
            id: wire_id(job.id),
            r#type: job.job_type.into(),
            status: job.status.into(),
            priority: job.job_type.priority(),
            first_block: job.first,
            last_block: job.last,
            chunks: job.chunks,
            attempts: job.attempts,
            holder: job.holder,
            created_at_ms: job.created_at_ms,
            updated_at_ms: job.updated_at_ms,
            waits_ms: job.waits_ms,
            leased_since_ms: job.leased_since_ms,
            last_heartbeat_ms: job.last_heartbeat_ms,
        }
    }
}

impl JobView {
    /// A job of a running node, with an estimate.
    pub fn of_node(node: &Node, job: JobRecord) -> Self {
        let usual = node.provers().usual_ms(job.job_type, job.size());
        Self::with_usual(job, usual, node.store().now_ms())
    }

    /// A job of a store, without an estimate; `None` when there is no such job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, id: u32) -> Result<Option<Self>, StoreError> {
        Ok(store.job(id)?.map(Self::from))
    }
}

/// Some jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// By id.
    pub jobs: Vec<JobView>,
    /// The `after` of the next page; null when this is the last.
    pub next: Option<u32>,
}

impl JobPage {
    /// Up to `limit` jobs with an id above `after`; all, or those of a status.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        store: &Store,
        status: Option<JobStatusName>,
        after: u32,
        limit: usize,
    ) -> Result<Self, StoreError> {
        Self::shown(store, status, after, limit, JobView::from)
    }

    /// The same of a running node, with estimates.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_node(
        node: &Node,
        status: Option<JobStatusName>,
        after: u32,
        limit: usize,
    ) -> Result<Self, StoreError> {
        Self::shown(node.store(), status, after, limit, |job| JobView::of_node(node, job))
    }

    fn shown(
        store: &Store,
        status: Option<JobStatusName>,
        after: u32,
        limit: usize,
        view: impl Fn(JobRecord) -> JobView,
    ) -> Result<Self, StoreError> {
        let (jobs, next) = store.job_page(status.map(Into::into), after, limit)?;
        Ok(Self { jobs: jobs.into_iter().map(view).collect(), next })
    }
}
