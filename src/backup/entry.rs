//! The parts of a backup file and their bytes.

use serde::{Deserialize, Serialize};

use crate::store::DurableKind;

const MAGIC: &[u8; 8] = b"zkwsbkup";
/// The format of new backups. All formats up to this one can be read.
pub(crate) const FORMAT: u32 = 1;
/// Length of the header of the file, in bytes.
pub(super) const FILE_HEAD: usize = 16;
/// Length of the header of an entry, in bytes.
pub(super) const ENTRY_HEAD: usize = 36;
/// Length of a hash, in bytes.
pub(super) const HASH: usize = 32;
/// Longest meta, in bytes. The name of a prover is the longest value in one.
pub(super) const MAX_META: u32 = 64 << 10;
/// Longest body and longest frame, in bytes: a bound against damage and archives that unpack
/// without end.
pub(super) const MAX_BODY: u64 = 4 << 30;
/// The flag of an entry that readers may skip if they do not know its kind.
const SKIPPABLE: u8 = 1;

/// The kind of an entry. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A description of the backup: the first entry.
    About = 1,
    /// The state before block 1.
    Genesis = 2,
    /// A block with its account updates.
    Block = 3,
    /// An aggregated operation.
    AggregatedOperation = 4,
    /// A single proof.
    Proof = 5,
    /// An aggregated proof.
    AggregatedProof = 6,
    /// The end of the backup: the last entry.
    End = 255,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::About,
        Kind::Genesis,
        Kind::Block,
        Kind::AggregatedOperation,
        Kind::Proof,
        Kind::AggregatedProof,
        Kind::End,
    ];

    pub(super) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Returns the kind of the entries with durable records of a kind.
    pub(super) fn of_records(kind: DurableKind) -> Self {
        match kind {
            DurableKind::Genesis => Self::Genesis,
            DurableKind::Block => Self::Block,
            DurableKind::AggregatedOperation => Self::AggregatedOperation,
            DurableKind::SingleProof => Self::Proof,
            DurableKind::AggregatedProof => Self::AggregatedProof,
        }
    }

    /// Returns the kind of the durable records in the entries; `None` for the first and the last
    /// entry.
    pub(super) fn durable(self) -> Option<DurableKind> {
        DurableKind::ALL.into_iter().find(|kind| Self::of_records(*kind) == self)
    }
}

/// Encodes the header of the file.
pub(super) fn file_head(format: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&format.to_le_bytes());
    sealed(bytes)
}

/// Returns the format of the file; `None` if it is not a backup.
pub(super) fn parse_file_head(bytes: &[u8; FILE_HEAD]) -> Option<u32> {
    let rest = unsealed(bytes)?.strip_prefix(MAGIC)?;
    rest.first_chunk::<4>().map(|format| u32::from_le_bytes(*format))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Number of the kind, which may be unknown to this program.
    pub kind: u8,
    pub flags: u8,
    pub first: u32,
    pub last: u32,
    pub meta_len: u32,
    /// Length of the body, uncompressed.
    pub raw_len: u64,
    pub frame_len: u64,
}

impl Head {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![self.kind, self.flags, 0, 0];
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes.extend_from_slice(&self.last.to_le_bytes());
        bytes.extend_from_slice(&self.meta_len.to_le_bytes());
        bytes.extend_from_slice(&self.raw_len.to_le_bytes());
        bytes.extend_from_slice(&self.frame_len.to_le_bytes());
        sealed(bytes)
    }

    /// Decodes a header; returns `None` if it is damaged.
    pub(crate) fn parse(bytes: &[u8; ENTRY_HEAD]) -> Option<Self> {
        let rest = unsealed(bytes)?;
        let (marks, rest) = rest.split_first_chunk::<4>()?;
        let [kind, flags, 0, 0] = *marks else { return None };
        let (first, rest) = rest.split_first_chunk::<4>()?;
        let (last, rest) = rest.split_first_chunk::<4>()?;
        let (meta_len, rest) = rest.split_first_chunk::<4>()?;
        let (raw_len, rest) = rest.split_first_chunk::<8>()?;
        let frame_len = rest.first_chunk::<8>()?;
        let head = Self {
            kind,
            flags,
            first: u32::from_le_bytes(*first),
            last: u32::from_le_bytes(*last),
            meta_len: u32::from_le_bytes(*meta_len),
            raw_len: u64::from_le_bytes(*raw_len),
            frame_len: u64::from_le_bytes(*frame_len),
        };
        let bounded = head.meta_len <= MAX_META && head.raw_len <= MAX_BODY && head.frame_len <= MAX_BODY;
        bounded.then_some(head)
    }

    /// Returns how a reader treats the entry.
    pub(crate) fn known(&self) -> Known {
        match Kind::of(self.kind) {
            Some(kind) if self.flags == 0 => Known::Kind(kind),
            None if self.flags == SKIPPABLE => Known::Skip,
            _ => Known::Refuse,
        }
    }
}

/// The treatment of an entry by a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Reads it as an entry of this kind.
    Kind(Kind),
    /// Skips it: its kind is unknown, and its flags permit that.
    Skip,
    /// Refuses the backup: its kind or its flags are unknown.
    Refuse,
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (rest, crc) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(rest) == u32::from_le_bytes(*crc)).then_some(rest)
}

/// Meta of [`Kind::About`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// Name and version of the program that wrote the backup.
    pub program: String,
    /// Time of the state that the backup holds, in milliseconds since 1970.
    pub at_ms: u64,
    /// The last block at that time. The file stores it as the last block of the entry.
    #[serde(skip)]
    pub head: u32,
}

/// The empty meta of the other kinds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct NoMeta {}

/// Meta of [`Kind::AggregatedOperation`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct OperationMeta {
    pub stored_at_ms: u64,
}

/// Meta of [`Kind::Proof`] and [`Kind::AggregatedProof`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ProofMeta {
    pub prover: Option<String>,
    pub stored_at_ms: u64,
}

/// Number of entries. Meta of [`Kind::End`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Blocks.
    pub blocks: u64,
    /// Aggregated operations.
    pub aggregated_operations: u64,
    /// Single proofs.
    pub proofs: u64,
    /// Aggregated proofs.
    pub aggregated_proofs: u64,
    /// All entries except the end.
    pub entries: u64,
}

impl Counts {
    /// Counts an entry; `None` stands for an unknown kind.
    pub(super) fn add(&mut self, kind: Option<Kind>) {
        let count = match kind {
            Some(Kind::Block) => &mut self.blocks,
            Some(Kind::AggregatedOperation) => &mut self.aggregated_operations,
            Some(Kind::Proof) => &mut self.proofs,
            Some(Kind::AggregatedProof) => &mut self.aggregated_proofs,
            Some(Kind::About | Kind::Genesis) | None => &mut 0,
            Some(Kind::End) => return,
        };
        *count += 1;
        self.entries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_frozen() {
        assert_eq!(hex::encode(file_head(1)), "7a6b7773626b757001000000".to_string() + "767b181a");
        let head =
            Head { kind: 4, flags: 1, first: 2, last: 3, meta_len: 4, raw_len: 5, frame_len: 0x0102_0304 };
        let bytes = head.to_bytes();
        assert_eq!(
            hex::encode(&bytes[..32]),
            "04010000020000000300000004000000".to_string() + "05000000000000000403020100000000"
        );
        let bytes: &[u8; ENTRY_HEAD] = bytes.as_slice().try_into().unwrap();
        assert_eq!(Head::parse(bytes), Some(head));
    }

    #[test]
    fn an_unknown_kind_is_skipped_only_if_its_flag_permits_it() {
        let known = |kind, flags| {
            Head { kind, flags, first: 0, last: 0, meta_len: 0, raw_len: 0, frame_len: 0 }.known()
        };
        assert_eq!(known(3, 0), Known::Kind(Kind::Block));
        assert_eq!(known(3, 1), Known::Refuse);
        assert_eq!(known(7, 1), Known::Skip);
        assert_eq!(known(7, 0), Known::Refuse);
        assert_eq!(known(7, 3), Known::Refuse);
        assert_eq!(known(0, 0), Known::Refuse);
    }

    #[test]
    fn lengths_above_the_limits_are_damage() {
        let head = Head { kind: 3, flags: 0, first: 1, last: 1, meta_len: 2, raw_len: 5, frame_len: 5 };
        for bad in [
            Head { meta_len: MAX_META + 1, ..head },
            Head { raw_len: MAX_BODY + 1, ..head },
            Head { frame_len: u64::MAX, ..head },
        ] {
            assert_eq!(Head::parse(bad.to_bytes().as_slice().try_into().unwrap()), None);
        }
    }
}
