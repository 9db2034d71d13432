//! What tests share; only with the feature `testing`. Everything here panics where it cannot go on.
//!
//! Chain builder, tree in memory and naive tree are those of [`bench`](crate::bench).

mod small_disk;

pub use crate::bench::{ChainBuilder, Memory, NaiveAccountTree};
pub use small_disk::on_small_disk;
