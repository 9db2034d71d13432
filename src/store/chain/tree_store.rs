//! The part of the store that holds the account tree.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::witness_fault::LastFault;
use crate::store::core::Core;

/// The account tree, its change sets, and the witnesses: all that maintainers write.
#[derive(Debug)]
pub struct TreeStore {
    pub(crate) core: Arc<Core>,
    pub(crate) chain: Arc<ChainStore>,
    /// Number of blocks that a revert can go back.
    pub(crate) history: u32,
    /// The fault of the last attempt at a witness.
    pub(crate) fault: LastFault,
    lock: Mutex<()>,
}

impl TreeStore {
    pub(crate) fn new(chain: Arc<ChainStore>, history: u32) -> Self {
        Self { core: chain.core.clone(), chain, history, fault: LastFault::default(), lock: Mutex::new(()) }
    }

    /// Takes the second of the three locks.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
