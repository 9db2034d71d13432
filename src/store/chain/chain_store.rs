//! The part of the store that holds the imported chain.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::core::Core;

/// Genesis, blocks, accounts, quarantine and aggregated operations: all that imports write.
#[derive(Debug)]
pub struct ChainStore {
    pub(crate) core: Arc<Core>,
    lock: Mutex<()>,
}

impl ChainStore {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, lock: Mutex::new(()) }
    }

    /// Takes the first of the three locks.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
