//! The stages of a block that a run waits for.

use clap::ValueEnum;

/// How far a block is; each stage comes after the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Stage {
    /// Stored.
    Imported,
    /// Its witness is there.
    Witnessed,
    /// Its proof is there.
    Proven,
    /// It is in a range with an aggregated proof.
    Aggregated,
    /// That range is recorded as executed.
    Verified,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 5] =
        [Self::Imported, Self::Witnessed, Self::Proven, Self::Aggregated, Self::Verified];

    /// The stages up to this one.
    pub fn up_to(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |stage| *stage <= self)
    }

    /// As written in tables, reports and arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Witnessed => "witnessed",
            Self::Proven => "proven",
            Self::Aggregated => "aggregated",
            Self::Verified => "verified",
        }
    }
}
