//! What a body is about, as its file says, and the journal.

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum BodyKind {
    /// The genesis accounts, as JSON.
    Genesis = 1,
    /// A block with its account updates, as JSON.
    Block = 2,
    /// What was learned while importing a block.
    BlockExtra = 3,
    /// The change of the accounts by a block.
    AccountDelta = 4,
    /// The change of the account tree by a block.
    TreeDelta = 5,
    /// A witness, as JSON.
    Witness = 6,
    /// The data of an aggregated job, as JSON.
    JobData = 7,
    /// A single proof, as JSON.
    SingleProof = 8,
    /// An aggregated proof, as JSON.
    AggregatedProof = 9,
    /// An aggregated operation, as JSON.
    AggregatedOperation = 10,
    /// A proof that was not accepted.
    RejectedProof = 11,
}

impl BodyKind {
    const ALL: [BodyKind; 11] = [
        BodyKind::Genesis,
        BodyKind::Block,
        BodyKind::BlockExtra,
        BodyKind::AccountDelta,
        BodyKind::TreeDelta,
        BodyKind::Witness,
        BodyKind::JobData,
        BodyKind::SingleProof,
        BodyKind::AggregatedProof,
        BodyKind::AggregatedOperation,
        BodyKind::RejectedProof,
    ];

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// What a body is and which blocks it belongs to: enough to rebuild the index from the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BodyLabel {
    /// What it is.
    pub kind: BodyKind,
    /// The first block it is about; 0 for none.
    pub first: u32,
    /// The last block it is about.
    pub last: u32,
}

impl BodyLabel {
    /// A body about one block.
    pub fn block(kind: BodyKind, number: u32) -> Self {
        Self { kind, first: number, last: number }
    }

    /// A body about a range of blocks.
    pub fn range(kind: BodyKind, first: u32, last: u32) -> Self {
        Self { kind, first, last }
    }
}

impl std::fmt::Display for BodyLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, first, last } = self;
        match kind {
            BodyKind::Genesis => write!(f, "genesis"),
            BodyKind::Block => write!(f, "block {first}"),
            BodyKind::BlockExtra => write!(f, "signature outcomes of block {first}"),
            BodyKind::AccountDelta => write!(f, "account changes of block {first}"),
            BodyKind::TreeDelta => write!(f, "tree changes of block {first}"),
            BodyKind::Witness => write!(f, "witness of block {first}"),
            BodyKind::JobData => write!(f, "data of the aggregated job of {first} to {last}"),
            BodyKind::SingleProof => write!(f, "proof of block {first}"),
            BodyKind::AggregatedProof => write!(f, "aggregated proof of {first} to {last}"),
            BodyKind::AggregatedOperation => write!(f, "aggregated operation of {first} to {last}"),
            BodyKind::RejectedProof => write!(f, "rejected proof"),
        }
    }
}
