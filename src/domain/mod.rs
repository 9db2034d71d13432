//! domain.

pub mod job;
