//! Folders of earlier versions index their idle jobs by id. The first start replaces these indexes
//! by those by first block.

use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::keys::index;
use crate::store::kv::table::Table;
use crate::store::queue::job_index::index_keys;
use crate::store::queue::job_queue::JobQueue;

/// Number of entries that are replaced in one transaction.
const PAGE: usize = 200;

impl JobQueue {
    /// Replaces the indexes of idle jobs by id. An interrupted replacement continues with the next
    /// start.
    pub(crate) fn replace_old_indexes(&self) -> Result<(), StoreError> {
        for (from, to) in index::idle_by_id() {
            loop {
                let entries = self.core.kv.range(Table::JobIndex, &from, &to, PAGE)?;
                if entries.is_empty() {
                    break;
                }
                let mut batch = Batch::new();
                for (key, _) in entries {
                    batch.remove(Table::JobIndex, &key);
                    let Some(row) = keys::tail_number(&key).map(|id| self.job_row(id)).transpose()? else {
                        continue;
                    };
                    for key in row.iter().flat_map(|row| index_keys(row, false)) {
                        batch.put_raw(Table::JobIndex, &key, &[]);
                    }
                }
                self.core.apply(batch)?;
            }
        }
        Ok(())
    }
}
