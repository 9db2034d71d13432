//! Verifies published proofs, a bounded number at a time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::verification_keys::{CircuitId, KeysError, VerificationKeys};
use crate::domain::proof::verification::NotVerified;
use crate::domain::{AggregatedProof, SingleProof};

/// Number of proofs that may wait for verification. A proof behind more than these would not be
/// answered within the ten seconds that the reference's provers wait, so its prover should retry
/// instead.
pub const MAX_WAITING: usize = 256;

/// Verification keys, and the permits to use the processor for verification.
#[derive(Debug)]
pub struct Verifier {
    keys: VerificationKeys,
    /// One permit for each proof being verified. The semaphore is fair.
    running: Arc<Semaphore>,
    /// One permit for each proof being verified or waiting.
    admitted: Arc<Semaphore>,
    capacity: usize,
    /// Circuits without a key whose proofs were published.
    missed: Mutex<BTreeSet<CircuitId>>,
}

impl Verifier {
    /// Reads the keys of a folder. `concurrency` is the number of proofs verified at a time, by
    /// default the number of cores.
    pub fn open(folder: &Path, concurrency: Option<usize>) -> Result<Self, KeysError> {
        let keys = VerificationKeys::read(folder)?;
        let cores = || available_parallelism().map_or(1, usize::from);
        let concurrency = concurrency.unwrap_or_else(cores).clamp(1, Semaphore::MAX_PERMITS - MAX_WAITING);
        Ok(Self {
            keys,
            running: Arc::new(Semaphore::new(concurrency)),
            admitted: Arc::new(Semaphore::new(concurrency + MAX_WAITING)),
            capacity: concurrency + MAX_WAITING,
            missed: Mutex::default(),
        })
    }

    /// Returns true if the key of the circuit is known; logs a warning the first time it is not.
    pub fn has_key(&self, circuit: CircuitId) -> bool {
        let known = self.keys.contains(circuit);
        if !known && self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(circuit) {
            warn!(%circuit, "no verification key for these: their proofs are accepted unverified");
        }
        known
    }

    /// Verifies the proof of a block of the given size; accepts every proof if its key is missing.
    /// Takes milliseconds: [acquire](Self::acquire) a permit first.
    pub fn verify_block(&self, chunks: u32, proof: &SingleProof) -> Result<(), NotVerified> {
        self.keys.verify_block(chunks, proof)
    }

    /// Verifies an aggregated proof; accepts every proof if its key is missing. Takes milliseconds:
    /// [acquire](Self::acquire) a permit first.
    pub fn verify_aggregate(&self, proof: &AggregatedProof) -> Result<(), NotVerified> {
        self.keys.verify_aggregate(proof)
    }

    /// Returns the number of proofs being verified or waiting.
    pub fn in_flight(&self) -> usize {
        self.capacity.saturating_sub(self.admitted.available_permits())
    }

    /// Waits for the permit to verify one proof, in the order of the calls.
    ///
    /// # Errors
    /// Returns `TooManyWaiting` at once if [`MAX_WAITING`] proofs wait.
    pub async fn acquire(&self) -> Result<VerificationPermit, TooManyWaiting> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| TooManyWaiting)?;
        // The semaphore is never closed.
        let running = self.running.clone().acquire_owned().await.map_err(|_| TooManyWaiting)?;
        Ok(VerificationPermit { _running: running, _admitted: admitted })
    }
}

/// The permit to verify one proof, until it is dropped.
#[derive(Debug)]
pub struct VerificationPermit {
    _running: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
}

/// The queue of proofs that wait for verification is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_WAITING} proofs wait to be verified")]
pub struct TooManyWaiting;
