//! The doctor: checks a data folder, and repairs it from its readable parts.
//!
//! | module | content |
//! | --- | --- |
//! | `check` | the complete check: files and records, accounts, tree, proofs |
//! | `expected_accounts` | the accounts that follow from genesis and blocks |
//! | `tree_check` | the stored account tree against a tree built from its leaves |
//! | `lost` | what a repair would lose, and the proof that it loses nothing else |
//! | `repair` | a new folder from the readable parts of a damaged one |

mod check;
mod expected_accounts;
mod lost;
mod repair;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod tree_check;

pub use check::check;
pub(crate) use check::unprovable;
pub(crate) use lost::{Lost, count};
pub use repair::{RepairError, repair};
pub(crate) use repair::{Replaced, examine, is_sound};
