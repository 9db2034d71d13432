//! Recovery: checking a data folder, salvaging the readable content of a damaged one, and replacing
//! it.
//!
//! | file | content |
//! | --- | --- |
//! | `open_journal` | the comparison of journal and kv at each start |
//! | `inspect` | [`Inspection`](inspect::Inspection): reading without changing anything |
//! | `check`, `check_blobs`, `check_journal` | the check of records, blobs and journal |
//! | `finding` | one result of a check |
//! | `leftovers` | temporary names, and the remains of a killed restore |
//! | `salvage` | the readable copies of every durable record |
//! | `replace` | the replacement of a damaged folder by a repaired one |

pub(crate) mod check;
pub(crate) mod check_blobs;
pub(crate) mod check_journal;
pub(crate) mod finding;
pub(crate) mod inspect;
#[cfg(test)]
mod inspect_tests;
pub(crate) mod leftovers;
pub(crate) mod open_journal;
pub(crate) mod replace;
pub(crate) mod salvage;
