//! Bit order (docs/protocol/01-primitives.md §4) and packing of bits into field elements
//! (docs/protocol/01-primitives.md §3.5).

use super::Fr;
use franklin_crypto::bellman::pairing::{
    bn256::FrRepr,
    ff::{Field, PrimeField, PrimeFieldRepr},
};

/// Number of bits that fit into every field element.
pub const CAPACITY: usize = 253;

/// Returns the bits of the bytes in order, most significant bit of each byte first.
pub fn be_bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1)).collect()
}

/// Returns `Σ bits[i]·2^i` in the field. More bits than fit are reduced modulo r.
pub fn le_bits_to_fr(bits: &[bool]) -> Fr {
    let mut shift = FrRepr::from(1);
    shift.shl(CAPACITY as u32);
    // 2^253 is below the modulus.
    let shift = Fr::from_repr(shift).unwrap_or_else(|_| Fr::zero());
    multipack(bits).iter().rev().fold(Fr::zero(), |mut sum, group| {
        sum.mul_assign(&shift);
        sum.add_assign(group);
        sum
    })
}

/// Splits the bits into groups of 253 (the last may be shorter) and packs each into a field
/// element, first bit least significant.
pub fn multipack(bits: &[bool]) -> Vec<Fr> {
    bits.chunks(CAPACITY).map(pack).collect()
}

/// Packs at most [`CAPACITY`] bits into a field element.
fn pack(bits: &[bool]) -> Fr {
    let mut repr = FrRepr::default();
    for (limb, bits) in repr.as_mut().iter_mut().zip(bits.chunks(64)) {
        *limb = bits.iter().rev().fold(0, |limb, bit| limb << 1 | u64::from(*bit));
    }
    // 253 bits are below the modulus, so this is never an error.
    Fr::from_repr(repr).unwrap_or_else(|_| Fr::zero())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::fr;

    #[test]
    fn bytes_are_read_most_significant_bit_first() {
        let bits: String = be_bits(&[0x9a, 0x36, 1]).iter().map(|b| if *b { '1' } else { '0' }).collect();
        assert_eq!(bits, "100110100011011000000001");
    }

    #[test]
    fn groups_are_little_endian_and_have_253_bits() {
        let mut bits = vec![false; 255];
        bits[1] = true;
        bits[252] = true;
        bits[254] = true;
        let mut top = [0; 32];
        (top[0], top[31]) = (0x10, 2);
        assert_eq!(multipack(&bits), [fr::from_bytes(&top).unwrap(), fr::from_u64(2)]);
        assert_eq!(multipack(&[]), []);
    }

    #[test]
    fn bits_of_a_value_give_the_value() {
        let mut greatest = Fr::zero();
        greatest.sub_assign(&Fr::one());
        for value in [greatest, fr::from_u64(0b1101), Fr::zero()] {
            let mut bits = be_bits(&fr::to_bytes(&value));
            bits.reverse();
            assert_eq!(bits[254..], [false, false]);
            assert_eq!(le_bits_to_fr(&bits), value);
        }
        assert_eq!(le_bits_to_fr(&[true, false, true]), fr::from_u64(5));
    }

    #[test]
    fn bits_beyond_the_field_are_reduced() {
        let mut all = Fr::one();
        for _ in 0..600 {
            all.double();
        }
        all.sub_assign(&Fr::one());
        assert_eq!(le_bits_to_fr(&[true; 600]), all);
        assert_eq!(le_bits_to_fr(&[]), Fr::zero());
    }
}
