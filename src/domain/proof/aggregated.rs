//! Proof of a range of blocks (docs/protocol/02-types-json.md §10).

use super::codec::{ProofError, Reader, Writer, check_count};
use super::json::{base64_bytes, fr_list};
use super::point::G1Point;
use crate::crypto::Fr;
use serde::{Deserialize, Serialize};

/// Number of limbs of the aggregated points: two points of two coordinates of four limbs.
const LIMBS: usize = 16;

/// Size of such a limb in bits.
pub(super) const LIMB_BITS: usize = 68;

/// A proof as unchecked bytes, with its claims about the single proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregatedProof {
    /// Byte form of [`AggregatedProofParts`]; JSON is its base64.
    #[serde(with = "base64_bytes")]
    pub proof: Vec<u8>,
    /// Public inputs of the single proofs.
    #[serde(with = "fr_list")]
    pub individual_vk_inputs: Vec<Fr>,
    /// Indices of the verification keys of the single proofs.
    pub individual_vk_idxs: Vec<usize>,
    /// Limbs of the aggregated points.
    #[serde(with = "fr_list")]
    pub aggr_limbs: Vec<Fr>,
}

/// Fields of a proof, in the order of the byte form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of docs/protocol/02-types-json.md §10
pub struct AggregatedProofParts {
    pub n: u64,
    pub inputs: Vec<Fr>,
    pub state_polys_commitments: Vec<G1Point>,
    pub witness_polys_commitments: Vec<G1Point>,
    pub copy_permutation_grand_product_commitment: G1Point,
    pub lookup_s_poly_commitment: Option<G1Point>,
    pub lookup_grand_product_commitment: Option<G1Point>,
    pub quotient_poly_parts_commitments: Vec<G1Point>,
    pub state_polys_openings_at_z: Vec<Fr>,
    pub state_polys_openings_at_dilations: Vec<(u64, u64, Fr)>,
    pub witness_polys_openings_at_z: Vec<Fr>,
    pub witness_polys_openings_at_dilations: Vec<(u64, u64, Fr)>,
    pub gate_setup_openings_at_z: Vec<(u64, u64, Fr)>,
    pub gate_selectors_openings_at_z: Vec<(u64, Fr)>,
    pub copy_permutation_polys_openings_at_z: Vec<Fr>,
    pub copy_permutation_grand_product_opening_at_z_omega: Fr,
    pub lookup_s_poly_opening_at_z_omega: Option<Fr>,
    pub lookup_grand_product_opening_at_z_omega: Option<Fr>,
    pub lookup_t_poly_opening_at_z: Option<Fr>,
    pub lookup_t_poly_opening_at_z_omega: Option<Fr>,
    pub lookup_selector_poly_opening_at_z: Option<Fr>,
    pub lookup_table_type_poly_opening_at_z: Option<Fr>,
    pub quotient_poly_opening_at_z: Fr,
    pub linearization_poly_opening_at_z: Fr,
    pub opening_proof_at_z: G1Point,
    pub opening_proof_at_z_omega: G1Point,
}

impl AggregatedProof {
    /// Reads the bytes without checking the lengths of the vectors.
    ///
    /// # Errors
    /// If the bytes end too early or too late, an element is not in its field, or a point is not on
    /// the curve.
    pub fn parse(&self) -> Result<AggregatedProofParts, ProofError> {
        let mut reader = Reader(&self.proof);
        let parts = AggregatedProofParts {
            n: reader.item("n")?,
            inputs: reader.vec("inputs")?,
            state_polys_commitments: reader.vec("state_polys_commitments")?,
            witness_polys_commitments: reader.vec("witness_polys_commitments")?,
            copy_permutation_grand_product_commitment: reader
                .item("copy_permutation_grand_product_commitment")?,
            lookup_s_poly_commitment: reader.option("lookup_s_poly_commitment")?,
            lookup_grand_product_commitment: reader.option("lookup_grand_product_commitment")?,
            quotient_poly_parts_commitments: reader.vec("quotient_poly_parts_commitments")?,
            state_polys_openings_at_z: reader.vec("state_polys_openings_at_z")?,
            state_polys_openings_at_dilations: reader.vec("state_polys_openings_at_dilations")?,
            witness_polys_openings_at_z: reader.vec("witness_polys_openings_at_z")?,
            witness_polys_openings_at_dilations: reader.vec("witness_polys_openings_at_dilations")?,
            gate_setup_openings_at_z: reader.vec("gate_setup_openings_at_z")?,
            gate_selectors_openings_at_z: reader.vec("gate_selectors_openings_at_z")?,
            copy_permutation_polys_openings_at_z: reader.vec("copy_permutation_polys_openings_at_z")?,
            copy_permutation_grand_product_opening_at_z_omega: reader
                .item("copy_permutation_grand_product_opening_at_z_omega")?,
            lookup_s_poly_opening_at_z_omega: reader.option("lookup_s_poly_opening_at_z_omega")?,
            lookup_grand_product_opening_at_z_omega: reader
                .option("lookup_grand_product_opening_at_z_omega")?,
            lookup_t_poly_opening_at_z: reader.option("lookup_t_poly_opening_at_z")?,
            lookup_t_poly_opening_at_z_omega: reader.option("lookup_t_poly_opening_at_z_omega")?,
            lookup_selector_poly_opening_at_z: reader.option("lookup_selector_poly_opening_at_z")?,
            lookup_table_type_poly_opening_at_z: reader.option("lookup_table_type_poly_opening_at_z")?,
            quotient_poly_opening_at_z: reader.item("quotient_poly_opening_at_z")?,
            linearization_poly_opening_at_z: reader.item("linearization_poly_opening_at_z")?,
            opening_proof_at_z: reader.item("opening_proof_at_z")?,
            opening_proof_at_z_omega: reader.item("opening_proof_at_z_omega")?,
        };
        reader.end()?;
        Ok(parts)
    }

    /// Reads the bytes and checks that the vectors have the lengths of an aggregated proof. The
    /// proof may still be false.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and [`ProofError::WrongCount`].
    pub fn validate(&self) -> Result<AggregatedProofParts, ProofError> {
        self.check_key_indices()?;
        self.validate_without_keys()
    }

    /// Checks that each single proof has the index of its verification key.
    ///
    /// # Errors
    /// [`ProofError::WrongCount`].
    pub fn check_key_indices(&self) -> Result<(), ProofError> {
        check_count("individual_vk_idxs", self.individual_vk_inputs.len(), self.individual_vk_idxs.len())
    }

    /// Checks like [`Self::validate`], but also accepts a leading index 0 that belongs to no single
    /// proof: the reference's devnet prover keeps that of its sample and appends one for each
    /// proof. Only for servers without verification keys, where nothing reads the indices.
    ///
    /// # Errors
    /// Those of [`Self::validate`].
    pub fn validate_without_keys(&self) -> Result<AggregatedProofParts, ProofError> {
        let parts = self.parse()?;
        let has_leading_index = self.individual_vk_idxs.len() == self.individual_vk_inputs.len() + 1
            && self.individual_vk_idxs.first() == Some(&0);
        if !has_leading_index {
            self.check_key_indices()?;
        }
        for (item, expected, actual) in [
            ("inputs", 1, parts.inputs.len()),
            ("state_polys_commitments", 4, parts.state_polys_commitments.len()),
            ("witness_polys_commitments", 0, parts.witness_polys_commitments.len()),
            ("quotient_poly_parts_commitments", 4, parts.quotient_poly_parts_commitments.len()),
            ("state_polys_openings_at_z", 4, parts.state_polys_openings_at_z.len()),
            ("state_polys_openings_at_dilations", 1, parts.state_polys_openings_at_dilations.len()),
            ("witness_polys_openings_at_z", 0, parts.witness_polys_openings_at_z.len()),
            ("witness_polys_openings_at_dilations", 0, parts.witness_polys_openings_at_dilations.len()),
            ("gate_setup_openings_at_z", 0, parts.gate_setup_openings_at_z.len()),
            ("gate_selectors_openings_at_z", 1, parts.gate_selectors_openings_at_z.len()),
            ("copy_permutation_polys_openings_at_z", 3, parts.copy_permutation_polys_openings_at_z.len()),
            ("aggr_limbs", LIMBS, self.aggr_limbs.len()),
        ] {
            check_count(item, expected, actual)?;
        }
        Ok(parts)
    }

    /// Returns the public inputs of the aggregation circuit. Those of the single proofs are
    /// `individual_vk_inputs`.
    pub fn public_inputs(&self) -> Result<Vec<Fr>, ProofError> {
        self.parse().map(|parts| parts.inputs)
    }
}

impl AggregatedProofParts {
    /// Returns the byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::default()
            .item(&self.n)
            .vec(&self.inputs)
            .vec(&self.state_polys_commitments)
            .vec(&self.witness_polys_commitments)
            .item(&self.copy_permutation_grand_product_commitment)
            .option(&self.lookup_s_poly_commitment)
            .option(&self.lookup_grand_product_commitment)
            .vec(&self.quotient_poly_parts_commitments)
            .vec(&self.state_polys_openings_at_z)
            .vec(&self.state_polys_openings_at_dilations)
            .vec(&self.witness_polys_openings_at_z)
            .vec(&self.witness_polys_openings_at_dilations)
            .vec(&self.gate_setup_openings_at_z)
            .vec(&self.gate_selectors_openings_at_z)
            .vec(&self.copy_permutation_polys_openings_at_z)
            .item(&self.copy_permutation_grand_product_opening_at_z_omega)
            .option(&self.lookup_s_poly_opening_at_z_omega)
            .option(&self.lookup_grand_product_opening_at_z_omega)
            .option(&self.lookup_t_poly_opening_at_z)
            .option(&self.lookup_t_poly_opening_at_z_omega)
            .option(&self.lookup_selector_poly_opening_at_z)
            .option(&self.lookup_table_type_poly_opening_at_z)
            .item(&self.quotient_poly_opening_at_z)
            .item(&self.linearization_poly_opening_at_z)
            .item(&self.opening_proof_at_z)
            .item(&self.opening_proof_at_z_omega)
            .finish()
    }
}
