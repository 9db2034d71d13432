//! Points of the curve y² = x³ + 3 in the byte form of proofs (docs/protocol/02-types-json.md §10).

use crate::domain::u256::U256;
use franklin_crypto::bellman::pairing::bn256::{G1Affine, G1Uncompressed};
use franklin_crypto::bellman::pairing::{CurveAffine, EncodedPoint};

/// A point on the curve: 64 bytes `x ‖ y` big-endian, or the point at infinity as `40` and zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct G1Point([u8; 64]);

/// First byte of the point at infinity.
const INFINITY: u8 = 0x40;

impl G1Point {
    /// Length of the byte form.
    pub(super) const BYTES: usize = 64;

    /// Reads a point. Returns `None` unless both coordinates are below the modulus and the point is
    /// on the curve.
    pub(super) fn from_bytes(bytes: [u8; 64]) -> Option<Self> {
        let point = G1Uncompressed::from_fixed_bytes(bytes).into_affine().ok()?;
        // The decoder ignores some flag bits; comparing the bytes leaves one form of each point.
        (G1Uncompressed::from_affine(point).as_ref() == bytes).then_some(Self(bytes))
    }

    /// Returns the byte form.
    pub(crate) fn to_bytes(self) -> [u8; 64] {
        self.0
    }

    /// Returns both coordinates; (0, 0) at infinity.
    pub(super) fn coordinates(self) -> [U256; 2] {
        let mut words = [U256::default(); 2];
        if self.0[0] != INFINITY {
            words[0].0.copy_from_slice(&self.0[..32]);
            words[1].0.copy_from_slice(&self.0[32..]);
        }
        words
    }
}

impl Default for G1Point {
    /// Returns the point at infinity.
    fn default() -> Self {
        let mut bytes = [0; 64];
        bytes[0] = INFINITY;
        Self(bytes)
    }
}

impl From<G1Affine> for G1Point {
    fn from(point: G1Affine) -> Self {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(point.into_uncompressed().as_ref());
        Self(bytes)
    }
}

impl std::fmt::Debug for G1Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn points_are_on_the_curve_and_in_canonical_form() {
        let one = G1Point::from(G1Affine::one());
        assert_eq!(one.coordinates(), [U256::from(1u64), U256::from(2u64)]);
        assert_eq!(G1Point::from_bytes(one.to_bytes()), Some(one));
        assert_eq!(G1Point::from(G1Affine::zero()), G1Point::default());
        assert_eq!(G1Point::from_bytes(G1Point::default().to_bytes()), Some(G1Point::default()));
        assert_eq!(G1Point::default().coordinates(), [U256::default(); 2]);

        let modulus =
            hex::decode("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47").unwrap();
        let mut x_plus_q = one.to_bytes();
        x_plus_q[..32].copy_from_slice(&modulus);
        x_plus_q[31] += 1;
        let mut off_curve = one.to_bytes();
        off_curve[63] = 3;
        let mut flagged = one.to_bytes();
        flagged[0] = 0x80;
        let mut both_flags = G1Point::default().to_bytes();
        both_flags[0] = 0xc0;
        let mut infinity_and_more = G1Point::default().to_bytes();
        infinity_and_more[63] = 1;
        for bad in [x_plus_q, off_curve, flagged, both_flags, infinity_and_more, [0; 64], [0xff; 64]] {
            assert_eq!(G1Point::from_bytes(bad), None);
        }
    }
}
