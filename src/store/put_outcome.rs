//! The outcome of storing something that may be stored already.

/// The outcome of storing something that may be stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It was stored by this call.
    Stored,
    /// The same was stored before.
    AlreadyThere,
}
