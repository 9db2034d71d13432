//! Tests that measure their whole process, in which nothing else may run at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod a_block_costs_the_documented_permutations;
mod slow_readers_cost_little;

/// Waits until no other test of this program is running.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
