//! Provers of a data folder.

use std::collections::BTreeMap;

use crate::{
    api::views::{ProofTimesView, ProverPage, ProverView, wire_id},
    store::{LeaseRecord, ProofTimes, ProverRecord, Store},
};

/// Maximum number of job ids in the view of a prover.
const MAX_JOBS: usize = 100;

/// Returns up to `limit` provers that hold jobs or were seen, with a name after `after`. Of a folder
/// that no server uses, these are the provers that claimed a job.
pub(crate) fn provers(store: &Store, after: Option<&str>, limit: usize) -> ProverPage {
    let now_ms = store.queue().now_ms();
    let mut all: BTreeMap<String, ProverView> = store
        .queue()
        .provers()
        .into_iter()
        .map(|(name, prover)| (name.clone(), view(name, prover, now_ms)))
        .collect();
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

fn view(name: String, prover: ProverRecord, now_ms: u64) -> ProverView {
    let suspended = prover.suspended_ms(now_ms) > 0;
    let ProverRecord { first_seen_ms, last_seen_ms, proofs, rejected, leases_lost, .. } = prover;
    let times = prover.times.into_iter().map(|ProofTimes { job_type, size, proofs, total_ms }| {
        ProofTimesView { r#type: job_type, size, proofs, mean_ms: total_ms.checked_div(proofs).unwrap_or(0) }
    });
    ProverView {
        name,
        first_seen_ms,
        last_seen_ms,
        proofs,
        rejected,
        leases_lost,
        refused_in_row: prover.refused_in_row,
        suspended_until_ms: suspended.then_some(prover.suspended_until_ms),
        blocked_at_ms: prover.blocked_at_ms,
        times: times.collect(),
        ..ProverView::default()
    }
}
