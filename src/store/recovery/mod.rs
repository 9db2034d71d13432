//! Checking a data folder, salvaging what can be read of a damaged one, and replacing it.

pub(crate) mod check;
pub(crate) mod finding;
pub(crate) mod inspect;
#[cfg(test)]
pub(crate) mod inspect_tests;
pub(crate) mod journal_items;
pub(crate) mod replace;
pub(crate) mod salvage;
