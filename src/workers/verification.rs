//! The verifier of published proofs: the keys of a folder, and turns to use the processor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use crate::domain::verification::{AggregationKey, BlockKey, KeyError, KeyTree, NotVerified};
use crate::domain::{AggregatedProof, SingleProof};

/// Longest key file that is read, in bytes: beyond both kinds of keys, so that a longer one is told from them.
const MAX_KEY_BYTES: u64 = 4_096;

/// Proofs that may wait for their turn. Who would come after so many is better told to come again than answered after the ten
/// seconds that the reference's provers wait.
pub const MAX_WAITING: usize = 256;

/// The folder of verification keys is not usable. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read the verification keys at {}: {cause}; check verification_keys", path.display())]
    Unreadable {
        /// Folder or file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// A file is no key of its circuit.
    #[error("{} is not a verification key: {cause}; put the right file there or take it away", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: KeyError,
    },
    /// A file is longer than any key.
    #[error("{} is longer than any verification key; put the right file there or take it away", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A file is named like a key, but not for a number above zero.
    #[error("{} has a name without a size; name it such as verification_block_26.key or recursive_4.key", path.display())]
    BadName {
        /// The file.
        path: PathBuf,
    },
    /// There is no key at all.
    #[error(
        "there is no verification_block_*.key in {}; put the keys there or leave verification_keys out",
        folder.display()
    )]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// There are keys of aggregation circuits, whose tree does not hold so many block keys.
    #[error(
        "{} holds keys of {found} block sizes, and aggregated proofs refer to at most {}; take away those that the contract lacks",
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

/// A circuit that has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CircuitId {
    /// The circuit of blocks of this size.
    Block {
        /// Size in chunks.
        chunks: u32,
    },
    /// The circuit that aggregates so many block proofs.
    Aggregation {
        /// Number of proofs.
        proofs: u32,
    },
}

impl CircuitId {
    /// By the name of its key file, as the reference names them; `None` if the name is not one of a key file.
    fn of_file(name: &str) -> Option<Result<Self, ()>> {
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().filter(|number| *number > 0);
            // Only one way to write each, so that no circuit has two files.
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

/// See the module.
#[derive(Debug)]
pub struct Verifier {
    blocks: BTreeMap<u32, BlockKey>,
    aggregations: BTreeMap<u32, AggregationKey>,
    tree: Option<KeyTree>,
    /// One permit for each proof that is verified at this moment. It is fair: who came first is first.
    turns: Arc<Semaphore>,
    /// One permit for each proof that is verified or waits.
    places: Arc<Semaphore>,
    capacity: usize,
    /// Circuits without a key whose proofs were seen.
    missed: Mutex<BTreeSet<CircuitId>>,
}

impl Verifier {
    /// Reads every key of the folder; other files are left alone. `at_once` is the number of proofs verified at a time, by
    /// default as many as there are cores.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn open(folder: &Path, at_once: Option<usize>) -> Result<Self, KeysError> {
        let (mut blocks, mut aggregations) = (BTreeMap::new(), BTreeMap::new());
        let unreadable = |cause| KeysError::Unreadable { path: folder.to_owned(), cause };
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(circuit) = CircuitId::of_file(name) else { continue };
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
        let root = tree.as_ref().map(|tree| crate::crypto::fr::to_hex(&tree.root()));
        info!(?chunks, aggregates = ?proofs, vk_tree_root = root, "proofs of these sizes are verified");
        let cores = || available_parallelism().map_or(1, usize::from);
        let at_once = at_once.unwrap_or_else(cores).clamp(1, Semaphore::MAX_PERMITS - MAX_WAITING);
        Ok(Self {
            blocks,
            aggregations,
            tree,
            turns: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + MAX_WAITING)),
            capacity: at_once + MAX_WAITING,
            missed: Mutex::default(),
        })
    }

    /// Whether there is a key for the circuit. The first time there is none, that is logged.
    pub fn has_key(&self, circuit: CircuitId) -> bool {
        let has = match circuit {
            CircuitId::Block { chunks } => self.blocks.contains_key(&chunks),
            CircuitId::Aggregation { proofs } => self.aggregations.contains_key(&proofs),
        };
        if !has && self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(circuit) {
            warn!(%circuit, "there is no verification key for these: their proofs are taken unverified");
        }
        has
    }

    /// Verifies the proof of a block of this size; true without a key for it. Takes some milliseconds: see [`Self::turn`].
    ///
    /// # Errors
    /// See [`NotVerified`].
    pub fn verify_block(&self, chunks: u32, proof: &SingleProof) -> Result<(), NotVerified> {
        self.blocks.get(&chunks).map_or(Ok(()), |key| key.verify(proof))
    }

    /// Verifies an aggregated proof; true without a key for as many proofs as it is of. Takes some milliseconds: see
    /// [`Self::turn`].
    ///
    /// # Errors
    /// See [`NotVerified`].
    pub fn verify_aggregate(&self, proof: &AggregatedProof) -> Result<(), NotVerified> {
        let CircuitId::Aggregation { proofs } = aggregation_of(proof) else { return Ok(()) };
        match (self.aggregations.get(&proofs), &self.tree) {
            (Some(key), Some(tree)) => key.verify(tree, proof),
            _ => Ok(()),
        }
    }

    /// Number of proofs that are verified or wait at this moment.
    pub fn under_way(&self) -> usize {
        self.capacity.saturating_sub(self.places.available_permits())
    }

    /// Waits for the turn to verify, in the order of the calls. It lasts until the [`Turn`] is dropped.
    ///
    /// # Errors
    /// [`TooManyWaiting`] at once when [`MAX_WAITING`] others wait.
    pub async fn turn(&self) -> Result<Turn, TooManyWaiting> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| TooManyWaiting)?;
        // Nobody closes the semaphore.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| TooManyWaiting)?;
        Ok(Turn { _turn: turn, _place: place })
    }
}

/// The circuit that an aggregated proof is of, by the number of its inputs.
pub fn aggregation_of(proof: &AggregatedProof) -> CircuitId {
    let proofs = u32::try_from(proof.individual_vk_inputs.len()).unwrap_or(u32::MAX);
    CircuitId::Aggregation { proofs }
}

/// The right to verify one proof.
#[derive(Debug)]
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// No further proof may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_WAITING} proofs wait to be verified")]
pub struct TooManyWaiting;

fn read_file(path: &Path) -> Result<Vec<u8>, KeysError> {
    let read = || {
        // Opening a pipe would wait for its writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_KEY_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|cause| KeysError::Unreadable { path: path.to_owned(), cause })?;
    if bytes.len() as u64 > MAX_KEY_BYTES {
        Err(KeysError::TooLong { path: path.to_owned() })
    } else {
        Ok(bytes)
    }
}
