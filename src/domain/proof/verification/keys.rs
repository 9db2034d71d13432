//! What both kinds of verification keys have in common: their bytes, and what is wrong with them.

use franklin_crypto::bellman::pairing::bn256::{Fr, G2Affine, G2Uncompressed};
use franklin_crypto::bellman::pairing::ff::PrimeField;
use franklin_crypto::bellman::pairing::{CurveAffine, CurveProjective, EncodedPoint};
use franklin_crypto::bellman::plonk::better_cs::generator::make_non_residues;

use super::super::codec::{Item, ProofError, Reader};

/// Columns of the circuits, all of which are part of the copy permutation.
pub(super) const STATE_WIDTH: usize = 4;

/// Base-2 logarithm of the largest domain that the field has.
const MAX_DOMAIN_LOG2: u32 = 28;

/// Why bytes are no verification key of the circuit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// They do not parse, or an item does not have the number of parts that the circuit's keys have.
    #[error(transparent)]
    Bytes(#[from] ProofError),
    /// The number of rows is not a power of two less one, or beyond the field.
    #[error("n is {0}, not a power of two less one that the field has a domain for")]
    Domain(u64),
    /// The circuit has another form.
    #[error("{item} is {actual} instead of {expected}")]
    OtherCircuit {
        /// Field.
        item: &'static str,
        /// Value in keys of the circuit.
        expected: u64,
        /// Value in this key.
        actual: u64,
    },
    /// The permutation is over other cosets.
    #[error("non_residues are not those of the circuits")]
    NonResidues,
    /// bellman does not take what passed all of the above.
    #[error("bellman does not read it")]
    Unreadable,
}

/// Refuses a number that is not that of the circuit's keys.
pub(super) fn check_number(item: &'static str, expected: u64, actual: u64) -> Result<(), KeyError> {
    if expected == actual { Ok(()) } else { Err(KeyError::OtherCircuit { item, expected, actual }) }
}

/// Refuses a number of rows for which there is no domain; the verifier counts from it.
pub(super) fn check_domain(n: u64) -> Result<(), KeyError> {
    let size = n.checked_add(1).filter(|size| size.is_power_of_two() && *size > 1);
    size.filter(|size| size.ilog2() <= MAX_DOMAIN_LOG2).map(|_| ()).ok_or(KeyError::Domain(n))
}

/// Refuses other cosets than the verifier's.
pub(super) fn check_non_residues(non_residues: &[Fr]) -> Result<(), KeyError> {
    let expected = make_non_residues::<Fr>(STATE_WIDTH - 1);
    if non_residues == expected { Ok(()) } else { Err(KeyError::NonResidues) }
}

/// A point of the second group, checked: on the curve, of the right order, not at infinity, in canonical form.
pub(super) struct G2Point([u8; Self::BYTES]);

impl G2Point {
    fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let point: G2Affine = G2Uncompressed::from_fixed_bytes(bytes).into_affine().ok()?;
        let canonical = G2Uncompressed::from_affine(point).as_ref() == bytes;
        // Unlike the first group, this one is only a part of its curve.
        let of_the_group = !point.is_zero() && point.mul(Fr::char()).is_zero();
        (canonical && of_the_group).then_some(Self(bytes))
    }
}

impl Item for G2Point {
    const BYTES: usize = 128;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError> {
        Self::from_bytes(reader.array(item)?).ok_or(ProofError::NotOnCurve { item })
    }
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0);
    }
}
