//! Opening a data folder: lock, kv, parameters, leftovers of the last run.

use std::path::Path;

use crate::fsync;
use crate::store::durable::blobs::Blobs;
use crate::store::durable::folder_lock::FolderLock;
use crate::store::durable::journal_found::FoundJournal;
use crate::store::error::StoreError;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::opening;
use crate::store::kv::table::Table;
use crate::store::options::StoreOptions;
use crate::store::parameters::{check_parameters, is_new};
use crate::store::recovery::{leftovers, open_journal, replace};
use crate::store::store::Store;

impl Store {
    /// Opens a data folder; creates it if it is absent. Finishes operations that a crash
    /// interrupted, and removes their leftovers.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let lock = FolderLock::take(dir)?;
        // From here on the folder is the same one, even if it is moved.
        let (named, dir) = (dir, lock.path());
        opening::put_back(&dir.join("index"))?;
        replace::finish(dir)?;
        leftovers::check_restored(named)?;
        leftovers::sweep(dir)?;
        let indexed = dir.join("index").try_exists().map_err(StoreError::io("opening the data folder"))?;
        if !indexed && !is_new(dir)? {
            return Err(StoreError::corrupt("its kv is missing"));
        }
        if !indexed {
            // A creation may be interrupted; with a kv and no blobs, the folder would be damaged.
            let failed = StoreError::io("creating the folder of the blob files");
            fsync::create_folders(&dir.join("blobs")).map_err(failed)?;
        }
        // Everything that needs no kv is read before sled changes its files.
        let mut found = FoundJournal::read(&dir.join("journal"))?;
        let kv = Kv::open_in(lock.folder(), "index", options.cache_bytes, options.flush_every_ms)?;
        check_parameters(named, dir, &kv)?;
        if let Some(found) = &mut found {
            open_journal::check_nothing_lost(&kv, found)?;
        }
        kv.accept()?;
        let journal = open_journal::open_journal(&dir.join("journal"), found, &kv)?;
        let known = |id| kv.contains(Table::Blobs, &keys::blob(id));
        let (blobs, swept) = Blobs::open(&dir.join("blobs"), known)?;
        if swept > 0 {
            tracing::info!(swept, "removed blob files that a crash left behind");
        }
        let store = Self::assemble(named, kv, blobs, Some(journal), &options, Some(lock));
        store.parts.recover(&mut store.parts.queue.lock())?;
        open_journal::settle(store.core())?;
        Ok(store)
    }
}
