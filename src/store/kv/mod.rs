//! The sled database `kv`: how it is opened, its tables, keys and records, and atomic batches of writes.

pub(crate) mod batch;
pub(crate) mod codec;
pub(crate) mod keys;
pub(crate) mod records;
pub(crate) mod scan;
pub(crate) mod sled_db;
pub(crate) mod sled_snapshot;
