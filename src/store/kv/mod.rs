//! The kv: small records in a sled database. No other module uses sled.
//!
//! | file | content |
//! | --- | --- |
//! | `table` | the tables |
//! | `keys` | the key of each record |
//! | `codec` | the bytes of each record |
//! | `batch` | writes that are applied together |
//! | `handle` | [`Kv`](handle::Kv), the open database, which is reopened after a failed write |
//! | `outage` | the time in which it could not be reopened |
//! | `pager` | the iterator over the entries of a table |
//! | `opening` | the opening of a kv with acknowledged records, which a failed call does not harm |
//! | `sled_db` | an open sled |
//! | `sled_files`, `sled_snapshot` | its files, and the one with its page table |
//! | `sled_guard`, `sled_threads` | its errors and panics, its threads |

pub(crate) mod batch;
pub(crate) mod codec;
pub(crate) mod handle;
pub(crate) mod keys;
pub(crate) mod opening;
mod outage;
pub(crate) mod pager;
pub(crate) mod sled_db;
mod sled_files;
mod sled_guard;
mod sled_snapshot;
mod sled_threads;
pub(crate) mod table;
