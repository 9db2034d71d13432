//! The outcome of an import.

/// The outcome of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The item was stored by this import.
    Stored,
    /// The same item was stored before.
    AlreadyThere,
    /// The block is stored and quarantined, for this reason.
    Quarantined(String),
}
