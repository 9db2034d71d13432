//! The verification key of an aggregation circuit, and the tree of block keys to which its proofs
//! refer.

use franklin_crypto::bellman::SynthesisError;
use franklin_crypto::bellman::pairing::bn256::{Bn256, Fq12, G1Affine, G1Uncompressed};
use franklin_crypto::bellman::pairing::ff::Field;
use franklin_crypto::bellman::pairing::{CurveAffine, EncodedPoint, Engine};
use franklin_crypto::bellman::plonk::better_better_cs::cs::{
    Circuit, ConstraintSystem, Gate, GateInternal, Width4MainGateWithDNext,
};
use franklin_crypto::bellman::plonk::better_better_cs::{
    proof::Proof, setup::VerificationKey, verifier::verify,
};
use franklin_crypto::bellman::plonk::commitments::transcript::keccak_transcript::RollingKeccakTranscript;
use franklin_crypto::plonk::circuit::bigint::range_constraint_gate::TwoBitDecompositionRangecheckCustomGate;
use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use super::block::BlockKey;
use super::guard::{NotVerified, holds};
use super::keys::{G2Point, KeyError, STATE_WIDTH, check_domain, check_non_residues, check_number};
use crate::crypto::{Fr, fr, rescue};
use crate::domain::proof::aggregated::{AggregatedProof, LIMB_BITS};
use crate::domain::proof::codec::{Reader, check_count};
use crate::domain::proof::point::G1Point;

/// Number of leaves of the tree of block keys.
const LEAVES: usize = 8;

/// Number of limbs of a coordinate.
const LIMBS: usize = 4;

/// The circuit as the verifier needs it: only its gates.
struct AggregationCircuit;

impl Circuit<Bn256> for AggregationCircuit {
    type MainGate = Width4MainGateWithDNext;

    fn synthesize<CS: ConstraintSystem<Bn256>>(&self, _: &mut CS) -> Result<(), SynthesisError> {
        // Only provers need constraints.
        Err(SynthesisError::AssignmentMissing)
    }

    fn declare_used_gates() -> Result<Vec<Box<dyn GateInternal<Bn256>>>, SynthesisError> {
        Ok(vec![
            Width4MainGateWithDNext.into_internal(),
            TwoBitDecompositionRangecheckCustomGate.into_internal(),
        ])
    }
}

/// The keys of all block circuits, ascending by size: a Merkle tree of depth 3 whose last leaf is
/// repeated to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyTree {
    root: Fr,
    keys: usize,
}

impl KeyTree {
    /// Maximum number of keys.
    pub(crate) const MAX_KEYS: usize = LEAVES;

    /// Builds the tree of these keys; `None` without keys or with more than `MAX_KEYS`.
    pub(crate) fn new<'a>(keys: impl IntoIterator<Item = &'a BlockKey>) -> Option<Self> {
        let mut nodes: Vec<Fr> = keys.into_iter().map(BlockKey::leaf).collect();
        let keys = nodes.len();
        let last = *nodes.last().filter(|_| keys <= LEAVES)?;
        nodes.resize(LEAVES, last);
        while nodes.len() > 1 {
            let (pairs, _) = nodes.as_chunks::<2>();
            nodes = rescue::compress_batch(pairs);
        }
        Some(Self { root: *nodes.first()?, keys })
    }

    /// Returns the root: `VK_TREE_ROOT` of the verifier contract.
    pub(crate) fn root(&self) -> Fr {
        self.root
    }
}

/// The verification key of the circuit for one number of block proofs.
#[derive(Debug)]
pub(crate) struct AggregationKey {
    key: VerificationKey<Bn256, AggregationCircuit>,
}

impl AggregationKey {
    /// Reads a key in bellman's format, 1280 bytes. Allocates no more than the length of the input.
    ///
    /// # Errors
    /// If the bytes are not a key of an aggregation circuit.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader(bytes);
        let n: u64 = reader.item("n")?;
        let numbers = [("num_inputs", 1), ("state_width", STATE_WIDTH as u64), ("num_witness_polys", 0)];
        for (item, expected) in numbers {
            check_number(item, expected, reader.item(item)?)?;
        }
        let vectors = [
            // One for each column, one for the product, one for constants, one for the next row.
            ("gate_setup_commitments", STATE_WIDTH + 3),
            ("gate_selectors_commitments", 2),
            ("permutation_commitments", STATE_WIDTH),
        ];
        for (item, expected) in vectors {
            check_count(item, expected, reader.vec::<G1Point>(item)?.len())?;
        }
        check_number("total_lookup_entries_length", 0, reader.item("total_lookup_entries_length")?)?;
        // An empty vector and an absent option have the same form.
        for item in
            ["lookup_selector_commitment", "lookup_tables_commitments", "lookup_table_type_commitment"]
        {
            check_count(item, 0, reader.vec::<G1Point>(item)?.len())?;
        }
        let non_residues: Vec<Fr> = reader.vec("non_residues")?;
        for _ in 0..2 {
            reader.item::<G2Point>("g2_elements")?;
        }
        reader.end()?;
        check_domain(n)?;
        check_count("non_residues", STATE_WIDTH - 1, non_residues.len())?;
        check_non_residues(&non_residues)?;
        let key = VerificationKey::read(bytes).map_err(|_| KeyError::Unreadable)?;
        Ok(Self { key })
    }

    /// Verifies an aggregated proof of the key's number of block proofs, with the public inputs
    /// that the proof contains.
    ///
    /// # Errors
    /// If the proof is malformed, belongs to other block proofs or keys, or does not hold.
    pub(crate) fn verify(&self, tree: &KeyTree, proof: &AggregatedProof) -> Result<(), NotVerified> {
        let parts = proof.validate()?;
        if parts.inputs.first() != Some(&public_input(tree, proof)?) {
            return Err(NotVerified::OtherInput);
        }
        let [with_generator, with_x] = aggregated_points(&proof.aggr_limbs).ok_or(NotVerified::BadLimbs)?;
        holds(|| {
            let proof = Proof::<Bn256, AggregationCircuit>::read(&proof.proof[..])?;
            verify::<Bn256, AggregationCircuit, RollingKeccakTranscript<Fr>>(&self.key, &proof, None)
        })?;
        holds(|| {
            let [one, x] = self.key.g2_elements;
            let pairs = [(&with_generator.prepare(), &one.prepare()), (&with_x.prepare(), &x.prepare())];
            Ok(Bn256::final_exponentiation(&Bn256::miller_loop(&pairs)) == Some(Fq12::one()))
        })
        .map_err(|refused| if refused == NotVerified::False { NotVerified::FalseBlockProof } else { refused })
    }
}

/// Returns the only input of the circuit: SHA-256 without its first byte.
fn public_input(tree: &KeyTree, proof: &AggregatedProof) -> Result<Fr, NotVerified> {
    let mut hash = Sha256::new().chain_update(fr::to_bytes(&tree.root));
    for index in &proof.individual_vk_idxs {
        let unknown = NotVerified::UnknownKey { index: *index, keys: tree.keys };
        let byte = u8::try_from(*index).ok().filter(|_| *index < tree.keys).ok_or(unknown)?;
        hash.update([byte]);
    }
    for element in proof.individual_vk_inputs.iter().chain(&proof.aggr_limbs) {
        hash.update(fr::to_bytes(element));
    }
    let [_, low @ ..]: [u8; 32] = hash.finalize().into();
    Ok(fr::from_short_bytes(&low))
}

/// Returns the two points whose coordinates are these limbs, lowest first.
fn aggregated_points(limbs: &[Fr]) -> Option<[G1Affine; 2]> {
    let (coordinates, []) = limbs.as_chunks::<LIMBS>() else { return None };
    let [x0, y0, x1, y1] = coordinates else { return None };
    Some([point(x0, y0)?, point(x1, y1)?])
}

fn point(x: &[Fr; LIMBS], y: &[Fr; LIMBS]) -> Option<G1Affine> {
    let mut bytes = [0; G1Point::BYTES];
    let (x_bytes, y_bytes) = bytes.split_at_mut(32);
    for (limbs, bytes) in [(x, x_bytes), (y, y_bytes)] {
        let number = coordinate(limbs)?.to_bytes_be();
        let start = bytes.len().checked_sub(number.len())?;
        bytes[start..].copy_from_slice(&number);
    }
    // The point at infinity also has a byte form; with it the pairing would be one for every proof.
    let point = G1Point::from_bytes(bytes).filter(|point| *point != G1Point::default())?;
    G1Uncompressed::from_fixed_bytes(point.to_bytes()).into_affine().ok()
}

fn coordinate(limbs: &[Fr; LIMBS]) -> Option<BigUint> {
    let limbs = limbs.each_ref().map(|limb| BigUint::from_bytes_be(&fr::to_bytes(limb)));
    let fit = limbs.iter().all(|limb| limb.bits() <= LIMB_BITS as u64);
    fit.then(|| limbs.iter().rev().fold(BigUint::ZERO, |sum, limb| (sum << LIMB_BITS) + limb))
}
