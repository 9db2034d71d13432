//! Aggregated operations and proofs, and the proofs that were not accepted.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, page, path_of, query_of, stored_json, word};
use crate::{
    domain::AggregatedActionType,
    server::{error::ApiError, refusal::wire_id},
    store::{AggregatedAction, AggregatedOperationRecord, RejectedProof},
};

/// Rejected proofs carry what was published: fewer of them by default.
const REJECTED_PAGE: usize = 20;

const ACTIONS: [(AggregatedAction, AggregatedActionType); 4] = [
    (AggregatedAction::CommitBlocks, AggregatedActionType::CommitBlocks),
    (AggregatedAction::CreateProofBlocks, AggregatedActionType::CreateProofBlocks),
    (AggregatedAction::PublishProofBlocksOnchain, AggregatedActionType::PublishProofBlocksOnchain),
    (AggregatedAction::ExecuteBlocks, AggregatedActionType::ExecuteBlocks),
];

/// Which operations to list.
#[derive(Debug, Deserialize)]
pub struct Filter {
    /// Only those of this action.
    action: Option<String>,
    /// Only those that end after this block.
    #[serde(default)]
    after: u32,
    /// At most so many of each action.
    limit: Option<usize>,
}

/// Aggregated operations, by action and block.
pub async fn operations(
    State(api): Shared,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Filter { action, after, limit } = query_of(filter)?;
    let wanted: Option<AggregatedActionType> = word(action.as_deref(), "action of aggregated operations")?;
    let limit = page(limit);
    let operations = api.blocking(move |node| {
        let mut shown = Vec::new();
        for (action, name) in ACTIONS {
            if wanted.is_none_or(|wanted| wanted == name) {
                let operations = node.store().aggregated_operations(action, after, limit)?;
                shown.extend(operations.iter().map(|operation| view(name, operation)));
            }
        }
        Ok(shown)
    });
    Ok(Json(json!({"aggregated_operations": operations.await?})))
}

fn view(action: AggregatedActionType, operation: &AggregatedOperationRecord) -> Value {
    let AggregatedOperationRecord { first, last, stored_at_ms, .. } = operation;
    json!({"action": action, "first_block": first, "last_block": last, "stored_at_ms": stored_at_ms})
}

/// The aggregated proof of a range of blocks.
pub async fn proof(
    State(api): Shared,
    range: Result<Path<(u32, u32)>, PathRejection>,
) -> Result<Response, ApiError> {
    let (first, last) = path_of(range)?;
    let proof = api.blocking(move |node| Ok(node.store().aggregated_proof(first, last)?)).await?;
    stored_json(proof, || format!("the aggregated proof of blocks {first} to {last}"))
}

/// How many rejected proofs to list.
#[derive(Debug, Deserialize)]
pub struct Newest {
    limit: Option<usize>,
}

/// Proofs that were not accepted, the newest first.
pub async fn rejected(
    State(api): Shared,
    newest: Result<Query<Newest>, QueryRejection>,
) -> Result<Response, ApiError> {
    let limit = page(query_of(newest)?.limit.or(Some(REJECTED_PAGE)));
    let list = api.blocking(move |node| {
        let rejected = node.store().rejected(limit)?.into_iter().map(rejected_view).collect::<Vec<_>>();
        serde_json::to_vec(&json!({"rejected_proofs": rejected})).map_err(ApiError::internal)
    });
    stored_json(Some(list.await?), String::new)
}

fn rejected_view(rejected: RejectedProof) -> Value {
    let RejectedProof { job_id, prover, reason, at_ms, body } = rejected;
    // What was published is JSON; should it not be, it is shown as text.
    let proof: Value = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    json!({"job_id": wire_id(job_id), "prover": prover, "reason": reason, "at_ms": at_ms, "proof": proof})
}
