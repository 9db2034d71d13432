//! Durable writes: everything that decides what survives a crash or a power failure.
//!
//! | file | content |
//! | --- | --- |
//! | `blobs` | [`Blobs`](blobs::Blobs), the folder of blob files |
//! | `blob_*` | a blob: label, reference, header of its file, reader, writer |
//! | `journal` | [`Journal`](journal::Journal), the open journal |
//! | `journal_*` | reading the journal: record, segment, replay, the whole |
//! | `group_commit` | one flush of kv and journal for all waiting callers |
//! | `sync_thread` | the thread that syncs the journal during a flush |
//! | `folder_lock` | one process for each data folder, which notices when the folder is moved |
//! | `open_folder` | a folder that stays the same one wherever it is moved |
//! | `folder_size` | the size of the data folder |
//! | `free_space` | the floor of free space, below which requests fail with 507 |
//!
//! Each fsync and rename is a call of the module `fsync` of the crate.

pub(crate) mod blob_header;
pub(crate) mod blob_label;
pub(crate) mod blob_reader;
pub(crate) mod blob_ref;
pub(crate) mod blob_writer;
pub(crate) mod blobs;
#[cfg(test)]
mod disk_tests;
pub(crate) mod folder_lock;
pub(crate) mod folder_size;
pub(crate) mod free_space;
#[cfg(test)]
mod free_space_tests;
pub(crate) mod group_commit;
pub(crate) mod journal;
pub(crate) mod journal_found;
pub(crate) mod journal_reading;
pub(crate) mod journal_record;
pub(crate) mod journal_replay;
pub(crate) mod journal_segment;
#[cfg(test)]
mod journal_tests;
pub(crate) mod open_folder;
pub(crate) mod sync_thread;
