//! A prover as shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    server::refusal::wire_id,
    store::{LeaseRecord, Store},
    workers::Node,
};

/// Ids of jobs that are shown of a prover.
const MAX_JOBS: usize = 100;

/// A prover that was seen since the server started, or that holds a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverView {
    /// Its name, as it gives it.
    pub name: String,
    /// When it was seen first.
    pub first_seen_ms: u64,
    /// When it was seen last.
    pub last_seen_ms: u64,
    /// Ids of the jobs it holds, the first hundred.
    pub jobs: Vec<i32>,
    /// How many jobs it holds.
    pub held: u64,
    /// How many of its proofs were taken since the server started.
    pub proofs: u64,
    /// How many of its proofs were refused since the server started.
    pub rejected: u64,
}

/// Some provers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverPage {
    /// By name.
    pub provers: Vec<ProverView>,
    /// The `after` of the next page; null when this is the last.
    pub next: Option<String>,
}

impl ProverPage {
    /// Up to `limit` provers with a name behind `after`, of those that hold jobs of a store.
    pub fn of(store: &Store, after: Option<&str>, limit: usize) -> Self {
        Self::with(store, BTreeMap::new(), after, limit)
    }

    /// Of a running node: those that were seen, too.
    pub fn of_node(node: &Node, after: Option<&str>, limit: usize) -> Self {
        let seen = node.provers().all().into_iter().map(|(name, seen)| {
            let view = ProverView {
                name: name.clone(),
                first_seen_ms: seen.first_ms,
                last_seen_ms: seen.last_ms,
                jobs: Vec::new(),
                held: 0,
                proofs: seen.proofs,
                rejected: seen.rejected,
            };
            (name, view)
        });
        Self::with(node.store(), seen.collect(), after, limit)
    }

    fn with(store: &Store, seen: BTreeMap<String, ProverView>, after: Option<&str>, limit: usize) -> Self {
        let mut all = seen;
        for LeaseRecord { job, holder, since_ms, renewed_ms } in store.leases() {
            let prover = all.entry(holder.clone()).or_insert_with(|| ProverView {
                name: holder,
                first_seen_ms: since_ms.unwrap_or(renewed_ms),
                ..ProverView::default()
            });
            prover.last_seen_ms = prover.last_seen_ms.max(renewed_ms);
            prover.held += 1;
            if prover.jobs.len() < MAX_JOBS {
                prover.jobs.push(wire_id(job));
            }
        }
        let mut provers = all.into_values().filter(|prover| after.is_none_or(|after| *prover.name > *after));
        let page: Vec<ProverView> = provers.by_ref().take(limit.max(1)).collect();
        let next = page.last().filter(|_| provers.next().is_some()).map(|prover| prover.name.clone());
        Self { provers: page, next }
    }
}
