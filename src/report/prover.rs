//! Provers of a data folder or a running node.

use std::collections::BTreeMap;

use crate::{
    api::views::{ProverPage, ProverView, wire_id},
    store::{LeaseRecord, Store},
    workers::Node,
};

/// Maximum number of job ids in the view of a prover.
const MAX_JOBS: usize = 100;

/// Returns up to `limit` provers that hold jobs, with a name after `after`.
pub(crate) fn holders(store: &Store, after: Option<&str>, limit: usize) -> ProverPage {
    page(store, BTreeMap::new(), after, limit)
}

/// Returns up to `limit` provers that hold jobs or sent a request since the node started, with a
/// name after `after`.
pub(crate) fn provers(node: &Node, after: Option<&str>, limit: usize) -> ProverPage {
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
    page(node.store(), seen.collect(), after, limit)
}

fn page(store: &Store, seen: BTreeMap<String, ProverView>, after: Option<&str>, limit: usize) -> ProverPage {
    let mut all = seen;
    for LeaseRecord { job, holder, since_ms, renewed_ms } in store.queue().leases() {
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
    ProverPage { provers: page, next }
}
