//! Parts and errors common to both kinds of verification keys.

use franklin_crypto::bellman::pairing::bn256::{Fr, G2Affine, G2Uncompressed};
use franklin_crypto::bellman::pairing::ff::PrimeField;
use franklin_crypto::bellman::pairing::{CurveAffine, CurveProjective, EncodedPoint};
use franklin_crypto::bellman::plonk::better_cs::generator::make_non_residues;

use crate::domain::proof::codec::{Item, ProofError, Reader};

/// Number of columns of the circuits, all of which are part of the copy permutation.
pub(super) const STATE_WIDTH: usize = 4;

/// Base-2 logarithm of the largest domain in the field.
const MAX_DOMAIN_LOG2: u32 = 28;

/// The reason why bytes are not a verification key of the circuit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes do not parse, or a vector does not have the length of the circuit's keys.
    #[error(transparent)]
    Bytes(#[from] ProofError),
    /// The number of rows is not a power of two less one, or the field has no domain of that size.
    #[error("n is {0}, which is not a power of two less one or exceeds the largest domain of the field")]
    Domain(u64),
    /// A number differs from that of the circuit's keys.
    #[error("{item} is {actual} instead of {expected}")]
    OtherCircuit {
        /// Name of the field.
        item: &'static str,
        /// Required value.
        expected: u64,
        /// Actual value.
        actual: u64,
    },
    /// The permutation uses other cosets.
    #[error("non_residues are not those of the circuits")]
    NonResidues,
    /// The bytes passed all checks, but bellman refuses them.
    #[error("bellman cannot read the key")]
    Unreadable,
}

/// Refuses a number that differs from that of the circuit's keys.
pub(super) fn check_number(item: &'static str, expected: u64, actual: u64) -> Result<(), KeyError> {
    if expected == actual { Ok(()) } else { Err(KeyError::OtherCircuit { item, expected, actual }) }
}

/// Refuses a number of rows without a domain; the verifier would allocate by it.
pub(super) fn check_domain(n: u64) -> Result<(), KeyError> {
    let size = n.checked_add(1).filter(|size| size.is_power_of_two() && *size > 1);
    size.filter(|size| size.ilog2() <= MAX_DOMAIN_LOG2).map(|_| ()).ok_or(KeyError::Domain(n))
}

/// Refuses cosets other than those of the verifier.
pub(super) fn check_non_residues(non_residues: &[Fr]) -> Result<(), KeyError> {
    let expected = make_non_residues::<Fr>(STATE_WIDTH - 1);
    if non_residues == expected { Ok(()) } else { Err(KeyError::NonResidues) }
}

/// A point of the second group: on the curve, of the right order, not at infinity, in canonical
/// form.
pub(super) struct G2Point([u8; Self::BYTES]);

impl G2Point {
    fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let point: G2Affine = G2Uncompressed::from_fixed_bytes(bytes).into_affine().ok()?;
        let canonical = G2Uncompressed::from_affine(point).as_ref() == bytes;
        // Unlike the first group, the second one is a proper subgroup of its curve.
        let in_the_group = !point.is_zero() && point.mul(Fr::char()).is_zero();
        (canonical && in_the_group).then_some(Self(bytes))
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
