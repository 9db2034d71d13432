//! Aggregated operations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::AggregatedAction;

/// An aggregated operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregatedOperationView {
    /// Its action.
    pub action: AggregatedAction,
    /// First block.
    pub first_block: u32,
    /// Last block.
    pub last_block: u32,
    /// Time of its import.
    pub stored_at_ms: u64,
}

/// A page of aggregated operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AggregatedOperationPage {
    /// Operations, ordered by action, then by block.
    pub aggregated_operations: Vec<AggregatedOperationView>,
    /// The `after` of the next page; null on the last page.
    pub next: Option<u32>,
}
