//! The part of the store that holds the imported chain.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::chain::covered_blocks::CoveredBlocks;
use crate::store::core::Core;

/// Genesis, blocks, accounts, quarantine and aggregated operations: all that imports write.
#[derive(Debug)]
pub struct ChainStore {
    pub(crate) core: Arc<Core>,
    covered: Mutex<CoveredBlocks>,
    lock: Mutex<()>,
}

impl ChainStore {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, covered: Mutex::default(), lock: Mutex::new(()) }
    }

    /// Takes the first of the three locks.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the cache of the ends of aggregated operations.
    pub(crate) fn covered(&self) -> MutexGuard<'_, CoveredBlocks> {
        self.covered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
