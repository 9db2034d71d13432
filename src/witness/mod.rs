//! witness.
