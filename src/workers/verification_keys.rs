//! The verification keys of a folder, by the names of their files.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tracing::info;

use crate::crypto::fr;
use crate::domain::proof::verification::{AggregationKey, BlockKey, KeyError, KeyTree, NotVerified};
use crate::domain::{AggregatedProof, SingleProof};
use crate::input;

/// Longest key file that is read, in bytes. It exceeds the length of both kinds of keys, so that a
/// file that is too long is recognised.
const MAX_KEY_BYTES: u64 = 4_096;

/// A folder of verification keys that cannot be used. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder, or a file in it, cannot be read.
    #[error("cannot read the verification keys at {}: {cause}; check verification_keys", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// A file is not a key of its circuit.
    #[error("{} is not a verification key: {cause}; replace or remove the file", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// The error of the decoder.
        cause: KeyError,
    },
    /// A file is longer than any key.
    #[error("{} is longer than any verification key; replace or remove the file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A file has the name of a key, but without a size above zero.
    #[error("{} has a name without a size; name it such as verification_block_26.key or recursive_4.key", path.display())]
    BadName {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds no key of a block circuit.
    #[error(
        "{} holds no verification_block_*.key; copy the keys there or remove the setting verification_keys",
        folder.display()
    )]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds keys of aggregation circuits, and more block keys than their tree has
    /// leaves.
    #[error(
        "{} holds keys of {found} block sizes, and aggregated proofs refer to at most {}; remove those that the contract lacks",
        folder.display(),
        KeyTree::MAX_KEYS
    )]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// Number of keys of block circuits.
        found: usize,
    },
}

/// A circuit. Each has a verification key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CircuitId {
    /// The circuit of blocks of one size.
    Block {
        /// Size in chunks.
        chunks: u32,
    },
    /// The circuit that aggregates a fixed number of block proofs.
    Aggregation {
        /// Number of proofs.
        proofs: u32,
    },
}

impl CircuitId {
    /// Returns the circuit of an aggregated proof, which its number of inputs determines.
    pub fn of_aggregate(proof: &AggregatedProof) -> Self {
        let proofs = u32::try_from(proof.individual_vk_inputs.len()).unwrap_or(u32::MAX);
        Self::Aggregation { proofs }
    }

    /// Parses the name of a key file, as the reference names them; `None` if it is not the name of
    /// one.
    fn from_file_name(name: &str) -> Option<Result<Self, ()>> {
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().filter(|number| *number > 0);
            // Only the canonical spelling is accepted, so that no circuit has two files.
            number.filter(|number| number.to_string() == text).ok_or(())
        };
        let stem = name.strip_suffix(".key")?;
        if let Some(chunks) = stem.strip_prefix("verification_block_") {
            return Some(number(chunks).map(|chunks| Self::Block { chunks }));
        }
        let proofs = stem.strip_prefix("recursive_")?;
        Some(number(proofs).map(|proofs| Self::Aggregation { proofs }))
    }
}

impl fmt::Display for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { chunks } => write!(f, "blocks of {chunks} chunks"),
            Self::Aggregation { proofs } => write!(f, "aggregates of {proofs} proofs"),
        }
    }
}

/// The verification keys of a folder.
#[derive(Debug)]
pub(crate) struct VerificationKeys {
    blocks: BTreeMap<u32, BlockKey>,
    aggregations: BTreeMap<u32, AggregationKey>,
    /// `None` if there are more block keys than leaves.
    tree: Option<KeyTree>,
}

impl VerificationKeys {
    /// Reads all keys of a folder; files with other names are ignored.
    pub(crate) fn read(folder: &Path) -> Result<Self, KeysError> {
        let mut blocks = BTreeMap::new();
        let mut aggregations = BTreeMap::new();
        let unreadable = |cause| KeysError::Unreadable { path: folder.to_owned(), cause };
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(circuit) = CircuitId::from_file_name(name) else { continue };
            let circuit = circuit.map_err(|()| KeysError::BadName { path: path.clone() })?;
            let bytes = read_file(&path)?;
            let bad = |cause| KeysError::BadKey { path: path.clone(), cause };
            match circuit {
                CircuitId::Block { chunks } => {
                    blocks.insert(chunks, BlockKey::read(&bytes).map_err(bad)?);
                }
                CircuitId::Aggregation { proofs } => {
                    aggregations.insert(proofs, AggregationKey::read(&bytes).map_err(bad)?);
                }
            }
        }
        let folder = folder.to_owned();
        if blocks.is_empty() {
            return Err(KeysError::Empty { folder });
        }
        let tree = KeyTree::new(blocks.values());
        if tree.is_none() && !aggregations.is_empty() {
            return Err(KeysError::TooMany { folder, found: blocks.len() });
        }
        let chunks: Vec<_> = blocks.keys().collect();
        let proofs: Vec<_> = aggregations.keys().collect();
        let root = tree.as_ref().map(|tree| fr::to_hex(&tree.root()));
        info!(?chunks, aggregates = ?proofs, vk_tree_root = root, "proofs of these sizes are verified");
        Ok(Self { blocks, aggregations, tree })
    }

    /// Returns true if the folder holds the key of a circuit.
    pub(crate) fn contains(&self, circuit: CircuitId) -> bool {
        match circuit {
            CircuitId::Block { chunks } => self.blocks.contains_key(&chunks),
            CircuitId::Aggregation { proofs } => self.aggregations.contains_key(&proofs),
        }
    }

    /// Verifies the proof of a block of the given size; accepts every proof if its key is missing.
    pub(crate) fn verify_block(&self, chunks: u32, proof: &SingleProof) -> Result<(), NotVerified> {
        self.blocks.get(&chunks).map_or(Ok(()), |key| key.verify(proof))
    }

    /// Verifies an aggregated proof; accepts every proof if its key is missing.
    pub(crate) fn verify_aggregate(&self, proof: &AggregatedProof) -> Result<(), NotVerified> {
        let CircuitId::Aggregation { proofs } = CircuitId::of_aggregate(proof) else { return Ok(()) };
        match (self.aggregations.get(&proofs), &self.tree) {
            (Some(key), Some(tree)) => key.verify(tree, proof),
            _ => Ok(()),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, KeysError> {
    let read = || {
        let mut bytes = Vec::new();
        input::open(path)?.take(MAX_KEY_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|cause| KeysError::Unreadable { path: path.to_owned(), cause })?;
    if bytes.len() as u64 > MAX_KEY_BYTES {
        Err(KeysError::TooLong { path: path.to_owned() })
    } else {
        Ok(bytes)
    }
}
