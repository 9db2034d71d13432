//! What makes writes durable: blobs, journal, group commit, folders and their locks, and the free-space floor.

pub(crate) mod blob_header;
pub(crate) mod blob_label;
pub(crate) mod blob_reader;
pub(crate) mod blob_writer;
pub(crate) mod blobs;
#[cfg(test)]
pub(crate) mod disk_tests;
pub(crate) mod folder;
pub(crate) mod folder_size;
pub(crate) mod free_space;
#[cfg(test)]
pub(crate) mod free_space_tests;
pub(crate) mod group_commit;
pub(crate) mod journal;
pub(crate) mod journal_scan;
#[cfg(test)]
pub(crate) mod journal_tests;
