//! Tests of whole chains.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod correctness;
mod failures;
mod pending;
mod random;
mod replay;
