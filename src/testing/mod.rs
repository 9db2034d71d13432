//! What tests share; only with the feature `testing`. Everything here panics where it cannot go on.
//!
//! Chain builder, tree in memory and naive tree are those of [`bench`](crate::bench).

#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod plonk;

pub use crate::bench::{ChainBuilder, Memory, NaiveAccountTree};
