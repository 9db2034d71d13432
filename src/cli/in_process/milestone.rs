//! Milestones of a block that a run waits for.

use clap::ValueEnum;

/// A stage that every block reaches, each after the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Milestone {
    /// It is stored.
    Imported,
    /// Its witness is stored.
    Witnessed,
    /// Its proof is stored.
    Proven,
    /// The aggregated proof of its range is stored.
    Aggregated,
    /// Its range is recorded as executed.
    Verified,
}

impl Milestone {
    /// All milestones, in order.
    pub(crate) const ALL: [Self; 5] =
        [Self::Imported, Self::Witnessed, Self::Proven, Self::Aggregated, Self::Verified];

    /// Returns the milestones up to this one.
    pub(crate) fn up_to(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |milestone| *milestone <= self)
    }

    /// Returns the name in tables, reports and arguments.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Witnessed => "witnessed",
            Self::Proven => "proven",
            Self::Aggregated => "aggregated",
            Self::Verified => "verified",
        }
    }
}
