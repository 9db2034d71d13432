//! Aggregated operations, and proofs that were not accepted, as shown.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    domain::AggregatedActionType,
    server::refusal::wire_id,
    store::{AggregatedAction, AggregatedOperationRecord, RejectedProof, Store, StoreError},
};

const ACTIONS: [(AggregatedAction, AggregatedActionType); 4] = [
    (AggregatedAction::CommitBlocks, AggregatedActionType::CommitBlocks),
    (AggregatedAction::CreateProofBlocks, AggregatedActionType::CreateProofBlocks),
    (AggregatedAction::PublishProofBlocksOnchain, AggregatedActionType::PublishProofBlocksOnchain),
    (AggregatedAction::ExecuteBlocks, AggregatedActionType::ExecuteBlocks),
];

/// An aggregated operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregatedOperationView {
    /// What it does.
    pub action: AggregatedActionType,
    /// First block.
    pub first_block: u32,
    /// Last block.
    pub last_block: u32,
    /// When it was stored.
    pub stored_at_ms: u64,
}

impl AggregatedOperationView {
    fn new(action: AggregatedActionType, operation: &AggregatedOperationRecord) -> Self {
        let AggregatedOperationRecord { first, last, stored_at_ms, .. } = *operation;
        Self { action, first_block: first, last_block: last, stored_at_ms }
    }
}

/// Some aggregated operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregatedOperationPage {
    /// By action, and by blocks.
    pub aggregated_operations: Vec<AggregatedOperationView>,
    /// The `after` of the next page; null when this is the last.
    pub next: Option<u32>,
}

impl AggregatedOperationPage {
    /// Operations that end after a block, of all actions or of one; up to `limit` of each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        store: &Store,
        wanted: Option<AggregatedActionType>,
        after: u32,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let mut shown = Vec::new();
        let mut next = None::<u32>;
        for (action, name) in ACTIONS {
            if wanted.is_none_or(|wanted| wanted == name) {
                let operations = store.aggregated_operations(action, after, limit)?;
                let cut = operations.last().filter(|_| operations.len() == limit).map(|last| last.last);
                next = next.into_iter().chain(cut).min();
                shown
                    .extend(operations.iter().map(|operation| AggregatedOperationView::new(name, operation)));
            }
        }
        // One place to go on from for all actions: what ends behind it is for the next page.
        if let Some(next) = next {
            shown.retain(|operation| operation.last_block <= next);
        }
        Ok(Self { aggregated_operations: shown, next })
    }
}

/// A proof that was not accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedProofView {
    /// Its number, from 0; the newest has the largest.
    pub number: u32,
    /// The job it was published for.
    pub job_id: i32,
    /// The prover that held the job, if any.
    pub prover: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// When it came.
    pub at_ms: u64,
    /// What was published; text when it is no JSON.
    pub proof: Value,
}

impl RejectedProofView {
    fn new((number, rejected): (u32, RejectedProof)) -> Self {
        let RejectedProof { job_id, prover, reason, at_ms, body } = rejected;
        let proof = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Self { number, job_id: wire_id(job_id), prover, reason, at_ms, proof }
    }
}

/// Some proofs that were not accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedProofPage {
    /// The newest first.
    pub rejected_proofs: Vec<RejectedProofView>,
    /// The `before` of the next page; null when this is the last.
    pub next: Option<u32>,
}

impl RejectedProofPage {
    /// Up to `limit` of them; all, or those before a number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, before: Option<u32>, limit: usize) -> Result<Self, StoreError> {
        let rejected = store.rejected(before, limit)?;
        let next = rejected.last().filter(|_| rejected.len() == limit).map(|(number, _)| *number);
        Ok(Self { rejected_proofs: rejected.into_iter().map(RejectedProofView::new).collect(), next })
    }
}
