//! Sample proofs: well-formed, with chosen public inputs, but false.
//!
//! They are for tests, demos and the sample prover. They pass every check of structure and public
//! input, and fail verification.

use super::aggregated::{AggregatedProof, AggregatedProofParts, LIMB_BITS};
use super::point::G1Point;
use super::single::{SingleProof, SingleProofParts};
use crate::crypto::{Fr, bits};
use franklin_crypto::bellman::pairing::bn256::G1Affine;
use franklin_crypto::bellman::pairing::{CurveAffine, CurveProjective};
use sha2::{Digest, Sha256};

/// Size of the smallest block circuit, less one.
const SINGLE_N: u64 = (1 << 23) - 1;
/// Size of an aggregation circuit of few proofs, less one.
const AGGREGATED_N: u64 = (1 << 22) - 1;

/// Returns a single proof with this public input; the other items follow from the seed.
pub fn sample_single_proof(public_input: &Fr, seed: u64) -> SingleProof {
    let mut source = Source { seed, counter: 0 };
    SingleProof::from(&SingleProofParts {
        n: SINGLE_N,
        inputs: vec![*public_input],
        wire_commitments: source.points(4),
        grand_product_commitment: source.point(),
        quotient_poly_commitments: source.points(4),
        wire_values_at_z: source.elements(4),
        wire_values_at_z_omega: source.elements(1),
        grand_product_at_z_omega: source.element(),
        quotient_polynomial_at_z: source.element(),
        linearization_polynomial_at_z: source.element(),
        permutation_polynomials_at_z: source.elements(3),
        opening_at_z_proof: source.point(),
        opening_at_z_omega_proof: source.point(),
    })
}

/// Returns an aggregated proof of single proofs with these public inputs; the other items follow
/// from the seed.
pub fn sample_aggregated_proof(individual_inputs: &[Fr], seed: u64) -> AggregatedProof {
    let mut source = Source { seed, counter: 0 };
    let parts = AggregatedProofParts {
        n: AGGREGATED_N,
        inputs: source.elements(1),
        state_polys_commitments: source.points(4),
        copy_permutation_grand_product_commitment: source.point(),
        quotient_poly_parts_commitments: source.points(4),
        state_polys_openings_at_z: source.elements(4),
        // The opening of the last state polynomial, one row ahead.
        state_polys_openings_at_dilations: vec![(1, 3, source.element())],
        gate_selectors_openings_at_z: vec![(0, source.element())],
        copy_permutation_polys_openings_at_z: source.elements(3),
        copy_permutation_grand_product_opening_at_z_omega: source.element(),
        quotient_poly_opening_at_z: source.element(),
        linearization_poly_opening_at_z: source.element(),
        opening_proof_at_z: source.point(),
        opening_proof_at_z_omega: source.point(),
        ..AggregatedProofParts::default()
    };
    AggregatedProof {
        proof: parts.to_bytes(),
        individual_vk_inputs: individual_inputs.to_vec(),
        individual_vk_idxs: vec![0; individual_inputs.len()],
        aggr_limbs: source.points(2).into_iter().flat_map(limbs).collect(),
    }
}

/// Returns both coordinates as limbs of [`LIMB_BITS`], lowest first.
fn limbs(point: G1Point) -> Vec<Fr> {
    let coordinate = |bytes: [u8; 32]| {
        let mut bits = bits::be_bits(&bytes);
        bits.reverse();
        bits.chunks(LIMB_BITS).map(bits::le_bits_to_fr).collect::<Vec<_>>()
    };
    point.coordinates().into_iter().flat_map(|word| coordinate(word.0)).collect()
}

/// A generator of pseudo-random items.
struct Source {
    seed: u64,
    counter: u64,
}

impl Source {
    fn element(&mut self) -> Fr {
        self.counter += 1;
        let digest =
            Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(self.counter.to_be_bytes());
        let bits = bits::be_bits(&digest.finalize());
        bits::le_bits_to_fr(&bits[..bits::CAPACITY])
    }

    fn elements(&mut self, count: usize) -> Vec<Fr> {
        (0..count).map(|_| self.element()).collect()
    }

    fn point(&mut self) -> G1Point {
        G1Affine::one().mul(self.element()).into_affine().into()
    }

    fn points(&mut self, count: usize) -> Vec<G1Point> {
        (0..count).map(|_| self.point()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::crypto::fr;

    #[test]
    fn samples_pass_every_structural_check() {
        let input = fr::from_u64(7);
        let single = sample_single_proof(&input, 1);
        assert_eq!(single.0.len(), 1144);
        assert_eq!(single.validate().unwrap().inputs, [input]);
        assert_eq!(sample_single_proof(&input, 1), single);
        assert_ne!(sample_single_proof(&input, 2), single);

        let inputs = [fr::from_u64(7), fr::from_u64(8)];
        let aggregated = sample_aggregated_proof(&inputs, 1);
        assert_eq!(aggregated.proof.len(), 1304);
        aggregated.validate().unwrap();
        assert_eq!(aggregated.individual_vk_inputs, inputs);
        let encoded = aggregated.encode().unwrap();
        assert_eq!((encoded.proof.len(), encoded.subproof_limbs.len()), (34, 16));
        assert_eq!(sample_aggregated_proof(&inputs, 1), aggregated);
    }
}
