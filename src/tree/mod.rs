//! tree.

pub mod source;
