//! Opening a data folder for reading only: nothing in it is changed.
//!
//! sled writes to the files that it opens, and so does a start. So the kv is copied, the copy is
//! opened, and the work of an interrupted run is finished in the copy.

use std::path::Path;

use crate::store::durable::blobs::Blobs;
use crate::store::durable::folder_lock::FolderLock;
use crate::store::durable::journal_found::FoundJournal;
use crate::store::error::StoreError;
use crate::store::options::StoreOptions;
use crate::store::recovery::{inspect, leftovers, open_journal, replace};
use crate::store::store::Store;

impl Store {
    /// Opens a data folder for reading only, with the checks of a start. It stays unchanged, also
    /// if something cannot be read. Needs space for a copy of the kv.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_read_only(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        replace::check_data_folder(dir)?;
        if replace::is_unfinished(dir)? {
            // Until the repair is finished, the folder has parts of two others.
            return Self::open(dir, options);
        }
        let lock = FolderLock::take_existing(dir)?;
        let found = FoundJournal::read(&dir.join("journal"))?;
        let blobs = Blobs::open_read_only(&dir.join("blobs"))?;
        let copy = leftovers::copy_folder(dir).map_err(StoreError::io("creating a temporary folder"))?;
        let kv = inspect::open_copy(dir, copy.path(), &options)?;
        if let Some(mut found) = found {
            open_journal::check_nothing_lost(&kv, &mut found)?;
        }
        let mut store = Self::assemble(dir, kv, blobs, None, &options, lock);
        store.copy = Some(copy);
        store.parts.recover(&mut store.parts.queue.lock())?;
        Ok(store)
    }
}
