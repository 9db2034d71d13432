//! The part of the store that holds jobs and proofs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::job::LeasePolicy;
use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::tree_store::TreeStore;
use crate::store::core::Core;
use crate::store::options::StoreOptions;
use crate::store::queue::leases::Leases;
use crate::store::queue::prover_table::ProverTable;

/// Jobs, their leases, accepted proofs, and the last rejected ones: all that provers and the
/// updater write.
#[derive(Debug)]
pub struct JobQueue {
    pub(crate) core: Arc<Core>,
    pub(crate) chain: Arc<ChainStore>,
    pub(crate) tree: Arc<TreeStore>,
    pub(crate) policy: LeasePolicy,
    /// Suspension of a prover after its first refused proof; zero for none.
    pub(crate) refusal_backoff: Duration,
    /// Maximum number of jobs that one prover holds; `None` for no limit.
    pub(crate) max_jobs_per_prover: Option<u32>,
    /// Number of rejected proofs that are stored.
    pub(crate) max_rejected: u32,
    /// True if published proofs are handed back to a node.
    pub(crate) hands_back: bool,
    leases: Mutex<Leases>,
    pub(crate) provers: Mutex<ProverTable>,
}

impl JobQueue {
    pub(crate) fn new(tree: Arc<TreeStore>, options: &StoreOptions) -> Self {
        Self {
            core: tree.core.clone(),
            chain: tree.chain.clone(),
            tree,
            policy: options.lease_policy(),
            refusal_backoff: options.refusal_backoff,
            max_jobs_per_prover: options.max_jobs_per_prover,
            max_rejected: options.max_rejected,
            hands_back: options.hand_back,
            leases: Mutex::default(),
            provers: Mutex::default(),
        }
    }

    /// Takes the last of the three locks, and with it the leases.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if that is possible without waiting.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Leases>> {
        self.leases.try_lock().ok()
    }
}
