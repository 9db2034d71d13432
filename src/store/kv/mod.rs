//! The kv: small records in a sled database. No other module uses sled.
//!
//! | file | content |
//! | --- | --- |
//! | `table` | the tables |
//! | `keys` | the key of each record |
//! | `codec` | the bytes of each record |
//! | `batch` | writes that are applied together |
//! | `handle` | [`Kv`](handle::Kv), the open database, which is reopened after a failed write |
//! | `pager` | the iterator over the entries of a table |
//! | `sled_db`, `sled_snapshot` | sled, and the precautions against power failures and damage |

pub(crate) mod batch;
pub(crate) mod codec;
pub(crate) mod handle;
pub(crate) mod keys;
pub(crate) mod pager;
pub(crate) mod sled_db;
pub(crate) mod sled_snapshot;
pub(crate) mod table;
