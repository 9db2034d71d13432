//! The part of the store that holds jobs and proofs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::job::LeasePolicy;
use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::tree_store::TreeStore;
use crate::store::core::Core;
use crate::store::options::StoreOptions;
use crate::store::queue::leases::Leases;

/// Jobs, their leases, accepted proofs, and the last rejected ones: all that provers and the
/// updater write.
#[derive(Debug)]
pub struct JobQueue {
    pub(crate) core: Arc<Core>,
    pub(crate) chain: Arc<ChainStore>,
    pub(crate) tree: Arc<TreeStore>,
    pub(crate) policy: LeasePolicy,
    /// Number of rejected proofs that are stored.
    pub(crate) max_rejected: u32,
    /// True if published proofs are handed back to a node.
    pub(crate) hands_back: bool,
    leases: Mutex<Leases>,
}

impl JobQueue {
    pub(crate) fn new(tree: Arc<TreeStore>, options: &StoreOptions) -> Self {
        Self {
            core: tree.core.clone(),
            chain: tree.chain.clone(),
            tree,
            policy: options.lease_policy(),
            max_rejected: options.max_rejected,
            hands_back: options.hand_back,
            leases: Mutex::default(),
        }
    }

    /// Takes the last of the three locks, and with it the leases.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
