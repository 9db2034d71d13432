//! Progress of long tasks.

/// A callback with the name of the items being processed, the number of completed ones, and their
/// total.
pub(crate) type Progress<'a> = &'a dyn Fn(&'static str, u64, u64);
