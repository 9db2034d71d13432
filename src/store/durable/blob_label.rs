//! The label of a blob: its kind and blocks, as in the header of its file and in the journal.

/// The kind of a blob. Stored by number, so the numbers are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum BlobKind {
    /// The genesis accounts, as JSON.
    Genesis = 1,
    /// A block with its account updates, as JSON.
    Block = 2,
    /// Results of the import that the witness needs, such as outcomes of signature checks.
    BlockExtra = 3,
    /// Old and new values of the accounts that a block changes.
    AccountChanges = 4,
    /// Old and new values of the nodes of the account tree that a block changes.
    TreeChanges = 5,
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
    /// A rejected proof.
    RejectedProof = 11,
}

impl BlobKind {
    const ALL: [BlobKind; 11] = [
        BlobKind::Genesis,
        BlobKind::Block,
        BlobKind::BlockExtra,
        BlobKind::AccountChanges,
        BlobKind::TreeChanges,
        BlobKind::Witness,
        BlobKind::JobData,
        BlobKind::SingleProof,
        BlobKind::AggregatedProof,
        BlobKind::AggregatedOperation,
        BlobKind::RejectedProof,
    ];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// The kind of a blob and the blocks it is about: enough to rebuild the kv from the blob files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobLabel {
    /// The kind.
    pub kind: BlobKind,
    /// The first block it is about; 0 if none.
    pub first: u32,
    /// The last block it is about.
    pub last: u32,
}

impl BlobLabel {
    /// Returns the label of a blob about one block.
    pub fn block(kind: BlobKind, number: u32) -> Self {
        Self { kind, first: number, last: number }
    }

    /// Returns the label of a blob about a range of blocks.
    pub fn range(kind: BlobKind, first: u32, last: u32) -> Self {
        Self { kind, first, last }
    }
}

impl std::fmt::Display for BlobLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, first, last } = self;
        match kind {
            BlobKind::Genesis => write!(f, "genesis"),
            BlobKind::Block => write!(f, "block {first}"),
            BlobKind::BlockExtra => write!(f, "signature outcomes of block {first}"),
            BlobKind::AccountChanges => write!(f, "account changes of block {first}"),
            BlobKind::TreeChanges => write!(f, "tree changes of block {first}"),
            BlobKind::Witness => write!(f, "witness of block {first}"),
            BlobKind::JobData => write!(f, "data of the aggregated job of {first} to {last}"),
            BlobKind::SingleProof => write!(f, "proof of block {first}"),
            BlobKind::AggregatedProof => write!(f, "aggregated proof of {first} to {last}"),
            BlobKind::AggregatedOperation => write!(f, "aggregated operation of {first} to {last}"),
            BlobKind::RejectedProof => write!(f, "rejected proof"),
        }
    }
}
