//! The verification key of a block circuit.

use franklin_crypto::bellman::pairing::bn256::Bn256;
use franklin_crypto::bellman::plonk::better_cs::cs::PlonkCsWidth4WithNextStepParams;
use franklin_crypto::bellman::plonk::better_cs::keys::{Proof, VerificationKey};
use franklin_crypto::bellman::plonk::better_cs::verifier::verify;
use franklin_crypto::bellman::plonk::domains::Domain;

use super::guard::{NotVerified, holds};
use super::keys::{G2Point, KeyError, STATE_WIDTH, check_domain, check_non_residues, check_number};
use super::transcript::{RescueTranscript, halves};
use crate::crypto::{Fr, fr, rescue};
use crate::domain::proof::codec::{Reader, check_count};
use crate::domain::proof::point::G1Point;
use crate::domain::proof::single::SingleProof;

type Params = PlonkCsWidth4WithNextStepParams;

/// The verification key of the circuit for one block size.
#[derive(Debug, Clone)]
pub struct BlockKey {
    key: VerificationKey<Bn256, Params>,
    leaf: Fr,
}

impl BlockKey {
    /// Reads a key in bellman's format, 1104 bytes. Allocates no more than the length of the input.
    ///
    /// # Errors
    /// If the bytes are not a key of a block circuit.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader(bytes);
        let n: u64 = reader.item("n")?;
        let num_inputs: u64 = reader.item("num_inputs")?;
        let selectors: Vec<G1Point> = reader.vec("selector_commitments")?;
        let next_step: Vec<G1Point> = reader.vec("next_step_selector_commitments")?;
        let permutations: Vec<G1Point> = reader.vec("permutation_commitments")?;
        let non_residues: Vec<Fr> = reader.vec("non_residues")?;
        for _ in 0..2 {
            reader.item::<G2Point>("g2_elements")?;
        }
        reader.end()?;
        check_domain(n)?;
        check_number("num_inputs", 1, num_inputs)?;
        // One for each column, one for the product, one for constants.
        check_count("selector_commitments", STATE_WIDTH + 2, selectors.len())?;
        check_count("next_step_selector_commitments", 1, next_step.len())?;
        check_count("permutation_commitments", STATE_WIDTH, permutations.len())?;
        check_count("non_residues", STATE_WIDTH - 1, non_residues.len())?;
        check_non_residues(&non_residues)?;
        // bellman allocates as much as the lengths claim, so they are checked first.
        let key = VerificationKey::read(bytes).map_err(|_| KeyError::Unreadable)?;
        let leaf = leaf(n, [selectors, next_step, permutations].concat())?;
        Ok(Self { key, leaf })
    }

    /// Verifies a proof of a block of the key's size with the public input that the proof contains.
    ///
    /// # Errors
    /// If the proof is malformed or does not hold.
    pub fn verify(&self, proof: &SingleProof) -> Result<(), NotVerified> {
        proof.validate()?;
        holds(|| {
            let proof = Proof::<Bn256, Params>::read(&proof.0[..])?;
            verify::<Bn256, Params, RescueTranscript>(&proof, &self.key, None)
        })
    }

    /// Returns the key as a leaf of the [`KeyTree`](super::KeyTree).
    pub(super) fn leaf(&self) -> Fr {
        self.leaf
    }
}

/// Hashes the size and generator of the domain and the coordinates of all commitments.
fn leaf(n: u64, commitments: Vec<G1Point>) -> Result<Fr, KeyError> {
    let size = n + 1;
    let domain = Domain::<Fr>::new_for_size(size).map_err(|_| KeyError::Domain(n))?;
    let coordinates = commitments.into_iter().flat_map(G1Point::coordinates);
    let elements = [fr::from_u64(size), domain.generator];
    let elements: Vec<Fr> =
        elements.into_iter().chain(coordinates.flat_map(|coordinate| halves(&coordinate.0))).collect();
    Ok(rescue::hash_elements(&elements))
}
