//! What tests share; only with the feature `testing`. Everything here panics where it cannot go on.
//!
//! Chain builder, tree in memory and naive tree are those of [`bench`](crate::bench). [`decoders`] is what tests and fuzzer have in
//! common, [`seeds`] where both start from.

#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod decoders;
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod seeds;

mod small_disk;

pub use crate::bench::{ChainBuilder, Memory, NaiveAccountTree};
pub use small_disk::on_small_disk;
