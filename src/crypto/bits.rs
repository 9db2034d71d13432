//! Bit order conventions (specification 01 §4) and packing of bits into field elements (§3.5).

use super::Fr;
use franklin_crypto::bellman::pairing::{
    bn256::FrRepr,
    ff::{Field, PrimeField, PrimeFieldRepr},
};

/// How many bits always fit a field element.
pub const CAPACITY: usize = 253;

/// The bits of the bytes in order, most significant bit of each byte first.
pub fn be_bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1)).collect()
}

/// Appends the low `width` bits of the value, least significant first; beyond the value they are zeros.
pub fn append_le_bits(bits: &mut Vec<bool>, value: &Fr, width: usize) {
    let repr = value.into_repr();
    let limbs = repr.as_ref();
    bits.extend((0..width).map(|i| limbs.get(i / 64).is_some_and(|limb| limb >> (i % 64) & 1 == 1)));
}

/// `Σ bits[i]·2^i` in the field, so reduced modulo r if there are more bits than fit.
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

/// Splits the bits into groups of [`CAPACITY`] (the last may be shorter) and makes each a field element,
/// first bit least significant.
pub fn multipack(bits: &[bool]) -> Vec<Fr> {
    bits.chunks(CAPACITY).map(pack).collect()
}

/// At most [`CAPACITY`] bits as a field element.
fn pack(bits: &[bool]) -> Fr {
    let mut repr = FrRepr::default();
    for (limb, bits) in repr.as_mut().iter_mut().zip(bits.chunks(64)) {
        *limb = bits.iter().rev().fold(0, |limb, bit| limb << 1 | u64::from(*bit));
    }
    // 253 bits are below the modulus, so there is always a value.
    Fr::from_repr(repr).unwrap_or_else(|_| Fr::zero())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::crypto::fr;

    #[test]
    fn bytes_are_read_most_significant_bit_first() {
        let bits: String = be_bits(&[0x9a, 0x36, 1]).iter().map(|b| if *b { '1' } else { '0' }).collect();
        assert_eq!(bits, "100110100011011000000001");
    }

    #[test]
    fn groups_are_little_endian_and_253_long() {
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
    fn values_become_bits_and_back() {
        let mut value = Fr::zero();
        value.sub_assign(&Fr::one());
        let mut bits = vec![];
        append_le_bits(&mut bits, &value, 256);
        assert_eq!(bits.len(), 256);
        assert_eq!(bits[254..], [false, false]);
        assert_eq!(le_bits_to_fr(&bits), value);
        bits.truncate(0);
        append_le_bits(&mut bits, &fr::from_u64(0b1101), 3);
        assert_eq!(bits, [true, false, true]);
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
