//! The three parts together, and their recovery after a crash or a failed write, which needs all
//! three locks.

use std::sync::Arc;

use crate::store::chain::chain_store::ChainStore;
use crate::store::chain::change_log::{ACCOUNTS, TREE};
use crate::store::chain::genesis_progress;
use crate::store::chain::tree_store::TreeStore;
use crate::store::core::Core;
use crate::store::error::StoreError;
use crate::store::options::StoreOptions;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::leases::Leases;
use crate::store::recovery::open_journal;

/// The parts in the order of their locks.
#[derive(Debug)]
pub(crate) struct Parts {
    pub core: Arc<Core>,
    pub chain: Arc<ChainStore>,
    pub tree: Arc<TreeStore>,
    pub queue: JobQueue,
}

impl Parts {
    /// Creates the parts over a core; reads and writes nothing.
    pub(crate) fn new(core: Core, options: &StoreOptions) -> Arc<Self> {
        let core = Arc::new(core);
        let chain = Arc::new(ChainStore::new(core.clone()));
        let tree = Arc::new(TreeStore::new(chain.clone(), options.history));
        let queue = JobQueue::new(tree.clone(), options);
        let parts = Arc::new(Self { core, chain, tree, queue });
        let weak = Arc::downgrade(&parts);
        // Weak, because the core belongs to the parts.
        parts.core.set_reopen(move || weak.upgrade().map_or(Ok(()), |parts| parts.reopen()));
        parts
    }

    /// Finishes interrupted operations, and loads the stored leases. The caller holds all three
    /// locks, or is the only user.
    pub(crate) fn recover(&self, leases: &mut Leases) -> Result<(), StoreError> {
        let core = &self.core;
        genesis_progress::wipe_unmarked(core)?;
        ACCOUNTS.apply_pending(&core.kv, &core.blobs)?;
        TREE.apply_pending(&core.kv, &core.blobs)?;
        self.resume_revert(leases)?;
        self.queue.load_leases(leases)
    }

    /// Starts again from the state on disk, with every check of a start. If anything fails, the
    /// store is closed to reads and writes until a later attempt succeeds: it never serves less than
    /// it acknowledged.
    fn reopen(&self) -> Result<(), StoreError> {
        let _chain = self.chain.lock();
        let _tree = self.tree.lock();
        let mut leases = self.queue.lock();
        let core = &self.core;
        if !core.kv.is_broken() {
            return Ok(());
        }
        core.kv.check_reopens()?;
        core.kv.probe()?;
        core.read_views.end();
        let held = leases.clone();
        let reopened = core.kv.reopen(|kv| open_journal::check_reopened(core, kv)).and_then(|()| {
            core.committer.forget_unlinks();
            self.recover(&mut leases)?;
            open_journal::settle(core)
        });
        match reopened {
            Ok(()) => {
                core.kv.reopened();
                Ok(())
            }
            Err(error) => {
                *leases = held;
                Err(core.kv.shut(&error))
            }
        }
    }
}
