//! Proof of one block (docs/protocol/02-types-json.md §10).

use super::codec::{ProofError, Reader, Writer, check_count};
use super::json::base64_bytes;
use super::point::G1Point;
use crate::crypto::Fr;
use serde::{Deserialize, Serialize};

/// A proof as unchecked bytes; JSON is their base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SingleProof(#[serde(with = "base64_bytes")] pub Vec<u8>);

/// Fields of a proof, in the order of the byte form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of docs/protocol/02-types-json.md §10
pub struct SingleProofParts {
    pub n: u64,
    pub inputs: Vec<Fr>,
    pub wire_commitments: Vec<G1Point>,
    pub grand_product_commitment: G1Point,
    pub quotient_poly_commitments: Vec<G1Point>,
    pub wire_values_at_z: Vec<Fr>,
    pub wire_values_at_z_omega: Vec<Fr>,
    pub grand_product_at_z_omega: Fr,
    pub quotient_polynomial_at_z: Fr,
    pub linearization_polynomial_at_z: Fr,
    pub permutation_polynomials_at_z: Vec<Fr>,
    pub opening_at_z_proof: G1Point,
    pub opening_at_z_omega_proof: G1Point,
}

impl SingleProof {
    /// Reads the bytes without checking the lengths of the vectors.
    ///
    /// # Errors
    /// If the bytes end too early or too late, an element is not in its field, or a point is not on
    /// the curve.
    pub fn parse(&self) -> Result<SingleProofParts, ProofError> {
        let mut reader = Reader(&self.0);
        let parts = SingleProofParts {
            n: reader.item("n")?,
            inputs: reader.vec("inputs")?,
            wire_commitments: reader.vec("wire_commitments")?,
            grand_product_commitment: reader.item("grand_product_commitment")?,
            quotient_poly_commitments: reader.vec("quotient_poly_commitments")?,
            wire_values_at_z: reader.vec("wire_values_at_z")?,
            wire_values_at_z_omega: reader.vec("wire_values_at_z_omega")?,
            grand_product_at_z_omega: reader.item("grand_product_at_z_omega")?,
            quotient_polynomial_at_z: reader.item("quotient_polynomial_at_z")?,
            linearization_polynomial_at_z: reader.item("linearization_polynomial_at_z")?,
            permutation_polynomials_at_z: reader.vec("permutation_polynomials_at_z")?,
            opening_at_z_proof: reader.item("opening_at_z_proof")?,
            opening_at_z_omega_proof: reader.item("opening_at_z_omega_proof")?,
        };
        reader.end()?;
        Ok(parts)
    }

    /// Reads the bytes and checks that the vectors have the lengths of a block proof. The proof may
    /// still be false.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and [`ProofError::WrongCount`].
    pub fn validate(&self) -> Result<SingleProofParts, ProofError> {
        let parts = self.parse()?;
        check_count("inputs", 1, parts.inputs.len())?;
        check_count("wire_commitments", 4, parts.wire_commitments.len())?;
        check_count("quotient_poly_commitments", 4, parts.quotient_poly_commitments.len())?;
        check_count("wire_values_at_z", 4, parts.wire_values_at_z.len())?;
        check_count("wire_values_at_z_omega", 1, parts.wire_values_at_z_omega.len())?;
        check_count("permutation_polynomials_at_z", 3, parts.permutation_polynomials_at_z.len())?;
        Ok(parts)
    }

    /// Returns the public inputs, for a block its commitment ([`crate::domain::public_input`]).
    pub fn public_inputs(&self) -> Result<Vec<Fr>, ProofError> {
        self.parse().map(|parts| parts.inputs)
    }
}

impl From<&SingleProofParts> for SingleProof {
    fn from(parts: &SingleProofParts) -> Self {
        Self(
            Writer::default()
                .item(&parts.n)
                .vec(&parts.inputs)
                .vec(&parts.wire_commitments)
                .item(&parts.grand_product_commitment)
                .vec(&parts.quotient_poly_commitments)
                .vec(&parts.wire_values_at_z)
                .vec(&parts.wire_values_at_z_omega)
                .item(&parts.grand_product_at_z_omega)
                .item(&parts.quotient_polynomial_at_z)
                .item(&parts.linearization_polynomial_at_z)
                .vec(&parts.permutation_polynomials_at_z)
                .item(&parts.opening_at_z_proof)
                .item(&parts.opening_at_z_omega_proof)
                .finish(),
        )
    }
}
