//! Amounts and fees as decimal floats (docs/protocol/01-primitives.md §6): `mantissa·10^exponent`,
//! packed big-endian as `mantissa·2^5 + exponent`. The mantissa of an amount has 35 bits, that of a
//! fee 11.

use thiserror::Error;

/// Returned when an integer has no packed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PackError {
    /// The integer exceeds the largest packable value.
    #[error("Input integer is too big for packing. Actual: {actual}, limit: {limit}")]
    TooBig {
        /// The integer.
        actual: u128,
        /// The largest packable value.
        limit: u128,
    },
}

const EXPONENT_BITS: u32 = 5;
const MAX_EXPONENT: u32 = (1 << EXPONENT_BITS) - 1;
const AMOUNT_MANTISSA_BITS: u32 = 35;
const FEE_MANTISSA_BITS: u32 = 11;
const MAX_AMOUNT_MANTISSA: u128 = (1 << AMOUNT_MANTISSA_BITS) - 1;
const MAX_FEE_MANTISSA: u128 = (1 << FEE_MANTISSA_BITS) - 1;

/// Largest amount that the reference packs without an overflow.
const MAX_EXACT_AMOUNT: u128 = MAX_AMOUNT_MANTISSA * 10u128.pow(27);
/// `MAX_AMOUNT_MANTISSA · 10^30` modulo 2^128: the largest amount for which the search of the
/// reference ends at exponent 30.
const WRAPPED_AT_30: u128 = MAX_AMOUNT_MANTISSA.wrapping_mul(10u128.pow(30));
/// `MAX_AMOUNT_MANTISSA · 10^73` modulo 2^128: the largest amount for which the search of the
/// reference ends at exponent 73.
const WRAPPED_AT_73: u128 = MAX_AMOUNT_MANTISSA.wrapping_mul(10u128.wrapping_pow(73));

/// Packs an amount, rounded down to the closest packable value.
///
/// The reference searches for the smallest exponent `e` with `value ≤ (2^35 − 1)·10^e` in 128 bits.
/// From `e = 28` on the product overflows, and a release build wraps around: such a search ends too
/// late or never. Packed amounts are part of public data, signed messages and witnesses, so this
/// function returns what the reference returns (docs/protocol/01-primitives.md §6.1):
///
/// | amounts up to | packed |
/// | --- | --- |
/// | 34359738367·10^27 | the closest packable value below |
/// | 331501674906153653662539256823178854400 | exponent 30, `⌊value / 10^30⌋` |
/// | 338268850544885806679470085446236635136 | exponent 73, reduced to 5 bits: always 1·10^9 |
/// | 2^128 − 1 | the closest packable value below; the search of the reference does not end |
pub fn pack_amount(value: u128) -> [u8; 5] {
    low_bytes(if value <= MAX_EXACT_AMOUNT {
        closest_below(value, MAX_AMOUNT_MANTISSA)
    } else if value <= WRAPPED_AT_30 {
        float(value / 10u128.pow(30), 30)
    } else if value <= WRAPPED_AT_73 {
        float(1, 73 & MAX_EXPONENT)
    } else {
        float(value / 10u128.pow(28), 28)
    })
}

/// Packs a fee, rounded down to the closest packable value.
///
/// # Errors
/// [`PackError::TooBig`] above 2047·10^31.
pub fn pack_fee(value: u128) -> Result<[u8; 2], PackError> {
    const LIMIT: u128 = MAX_FEE_MANTISSA * 10u128.pow(MAX_EXPONENT);
    if value > LIMIT {
        return Err(PackError::TooBig { actual: value, limit: LIMIT });
    }
    Ok(low_bytes(closest_below(value, MAX_FEE_MANTISSA)))
}

/// Packs the greatest packable value that does not exceed `value`, which must be at most
/// `max_mantissa` times the greatest power of ten for which that product fits 128 bits.
fn closest_below(value: u128, max_mantissa: u128) -> u64 {
    let (mut exponent, mut unit) = (0, 1);
    while value > max_mantissa * unit {
        unit *= 10;
        exponent += 1;
    }
    // The greatest value of the next lower exponent may be closer; on a tie the reference takes it.
    if exponent > 0 && value - max_mantissa * (unit / 10) <= value % unit {
        return float(max_mantissa, exponent - 1);
    }
    float(value / unit, exponent)
}

fn float(mantissa: u128, exponent: u32) -> u64 {
    (mantissa as u64) << EXPONENT_BITS | u64::from(exponent)
}

fn low_bytes<const N: usize>(float: u64) -> [u8; N] {
    std::array::from_fn(|i| (float >> (8 * (N - 1 - i))) as u8)
}

/// Returns true if an amount has a packed form that is not rounded.
pub fn is_packable_amount(value: u128) -> bool {
    unpack_amount(&pack_amount(value)) == Some(value)
}

/// Returns true if a fee has a packed form that is not rounded.
pub fn is_packable_fee(value: u128) -> bool {
    pack_fee(value).is_ok_and(|packed| unpack_fee(&packed) == Some(value))
}

/// Returns the amount in 5 packed bytes, or `None` if the bytes are not 5 or the amount exceeds 128
/// bits.
fn unpack_amount(bytes: &[u8]) -> Option<u128> {
    unpack(bytes, AMOUNT_MANTISSA_BITS)
}

/// Returns the fee in 2 packed bytes, or `None` if the bytes are not 2.
fn unpack_fee(bytes: &[u8]) -> Option<u128> {
    unpack(bytes, FEE_MANTISSA_BITS)
}

fn unpack(bytes: &[u8], mantissa_bits: u32) -> Option<u128> {
    if bytes.len() as u32 * 8 != EXPONENT_BITS + mantissa_bits {
        return None;
    }
    let float = bytes.iter().fold(0, |float, byte| float << 8 | u128::from(*byte));
    let exponent = float as u32 & MAX_EXPONENT;
    (float >> EXPONENT_BITS).checked_mul(10u128.pow(exponent))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::test_vectors::vectors;
    use proptest::prelude::*;
    use serde_json::Value;

    fn check(expected: &Value, value: u128, packed: Result<&[u8], PackError>, unpacked: Option<u128>) {
        match packed {
            // The reference's search does not end, so there is nothing to compare with.
            Ok(_) if expected.as_str().is_some_and(|text| text.starts_with("UNDEFINED")) => {}
            Ok(packed) => {
                assert_eq!(expected["packed"], hex::encode(packed));
                assert_eq!(expected["unpacked"], unpacked.unwrap().to_string());
                assert_eq!(expected["packable"], unpacked == Some(value));
            }
            Err(_) => assert_eq!(expected, "ERROR: integer too big"),
        }
    }

    #[test]
    fn packing_matches_the_reference() {
        for case in vectors()["packed_floats"].as_array().unwrap() {
            let value: u128 = case["value"].as_str().unwrap().parse().unwrap();
            let amount = pack_amount(value);
            check(&case["amount"], value, Ok(&amount), unpack_amount(&amount));
            let fee = pack_fee(value);
            let unpacked = fee.ok().and_then(|fee| unpack_fee(&fee));
            check(&case["fee"], value, fee.as_ref().map(|fee| &fee[..]).map_err(|error| *error), unpacked);
        }
    }

    #[test]
    fn unpacking_matches_the_reference() {
        for (list, field, unpack) in [
            ("unpack_amount", "amount_bytes", unpack_amount as fn(&[u8]) -> Option<u128>),
            ("unpack_fee", "fee_bytes", unpack_fee),
        ] {
            for case in vectors()[list].as_array().unwrap() {
                let bytes = hex::decode(case[field].as_str().unwrap()).unwrap();
                let expected = case["value"].as_str().map(|v| v.parse().unwrap());
                assert_eq!(unpack(&bytes), expected, "{case}");
            }
        }
        assert_eq!(unpack_amount(&[0; 4]), None);
        assert_eq!(unpack_fee(&[0; 3]), None);
        assert_eq!(unpack_fee(&[]), None);
    }

    #[test]
    fn documented_examples_match() {
        assert_eq!(pack_amount(0xDEAD_BEAF), [27, 213, 183, 213, 224]);
        assert_eq!(pack_amount(42), [0, 0, 0, 5, 0x40]);
        assert_eq!(pack_fee(42), Ok([5, 0x40]));
        assert_eq!(pack_fee(2047), Ok([0xff, 0xe0]));
        assert_eq!(pack_fee(2048), Ok([0xff, 0xe0]));
        assert_eq!(unpack_fee(&pack_fee(2051).unwrap()), Some(2050));
    }

    #[test]
    fn a_fee_above_the_limit_is_rejected() {
        let limit = 2047 * 10u128.pow(31);
        assert_eq!(pack_fee(limit), Ok([0xff, 0xff]));
        assert_eq!(pack_fee(limit + 1), Err(PackError::TooBig { actual: limit + 1, limit }));
        assert_eq!(
            pack_fee(limit + 1).unwrap_err().to_string(),
            format!("Input integer is too big for packing. Actual: {}, limit: {limit}", limit + 1)
        );
    }

    /// Packs the amounts of the reference vectors `ops_wrap`, and the limits of each range.
    #[test]
    fn large_amounts_are_packed_as_by_a_search_that_wraps_around() {
        let cap = 34_359_738_367 * 10u128.pow(27);
        let (at_30, at_73) = (
            331_501_674_906_153_653_662_539_256_823_178_854_400,
            338_268_850_544_885_806_679_470_085_446_236_635_136,
        );
        for (value, mantissa, exponent) in [
            (cap, 34_359_738_367, 27),
            (cap + 1, 34_359_738, 30),
            (10u128.pow(38), 100_000_000, 30),
            (at_30, 331_501_674, 30),
            (at_30 + 1, 1, 9),
            (at_73, 1, 9),
            (at_73 + 1, at_73 / 10u128.pow(28), 28),
            (u128::MAX, u128::MAX / 10u128.pow(28), 28),
        ] {
            assert_eq!(pack_amount(value), low_bytes(float(mantissa, exponent)), "{value}");
        }
        assert_eq!(hex::encode(pack_amount(10u128.pow(38))), "00bebc201e");
    }

    /// Searches as the reference does, line by line, in the wrapping arithmetic of a release build.
    /// Returns `None` if the search does not end: powers of ten from 10^128 on are 0 in 128 bits.
    fn reference_search(value: u128, mantissa_bits: u32) -> Option<u64> {
        let max_mantissa = (1u128 << mantissa_bits) - 1;
        let (mut exponent, mut unit) = (0u64, 1u128);
        while value > max_mantissa.wrapping_mul(unit) {
            unit = unit.wrapping_mul(10);
            exponent += 1;
            if exponent > 128 {
                return None;
            }
        }
        let mut mantissa = value / unit;
        if exponent != 0 {
            let here = value.wrapping_sub(unit.wrapping_mul(mantissa));
            let below = value.wrapping_sub(unit.wrapping_mul(max_mantissa) / 10);
            if here >= below {
                mantissa = max_mantissa;
                exponent -= 1;
            }
        }
        Some(((mantissa & max_mantissa) as u64) << 5 | exponent & 31)
    }

    fn amounts() -> impl Strategy<Value = u128> {
        let edges = vec![
            (MAX_AMOUNT_MANTISSA, 1000),
            (MAX_EXACT_AMOUNT, 1000),
            (WRAPPED_AT_30, 1000),
            (WRAPPED_AT_73, 1000),
            (u128::MAX, u128::MAX - WRAPPED_AT_73),
            (WRAPPED_AT_73, WRAPPED_AT_73 - WRAPPED_AT_30),
        ];
        let near = prop::sample::select(edges)
            .prop_flat_map(|(edge, distance)| edge.saturating_sub(distance)..=edge.saturating_add(distance));
        prop_oneof![any::<u128>(), (any::<u128>(), 0u32..128).prop_map(|(value, shift)| value >> shift), near]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn amounts_are_packed_as_by_the_search_of_the_reference(value in amounts()) {
            let packed = pack_amount(value);
            match reference_search(value, AMOUNT_MANTISSA_BITS) {
                Some(expected) => prop_assert_eq!(packed, low_bytes(expected)),
                None => prop_assert_eq!(unpack_amount(&packed), Some(value / 10u128.pow(28) * 10u128.pow(28))),
            }
            let fee = value % (2047 * 10u128.pow(31) + 1);
            let expected = reference_search(fee, FEE_MANTISSA_BITS).unwrap();
            prop_assert_eq!(pack_fee(fee), Ok(low_bytes(expected)));
        }

        #[test]
        fn a_packed_value_does_not_exceed_the_value_and_packs_to_itself(value in amounts()) {
            let packed = unpack_amount(&pack_amount(value)).unwrap();
            prop_assert!(packed <= value);
            if value <= WRAPPED_AT_73 {
                prop_assert_eq!(unpack_amount(&pack_amount(packed)), Some(packed));
            }
            if let Ok(fee) = pack_fee(value) {
                prop_assert!(unpack_fee(&fee).unwrap() <= value);
            }
        }

        #[test]
        fn an_unpacked_value_packs_to_itself_below_the_overflow(bytes: [u8; 5]) {
            if let Some(value) = unpack_amount(&bytes).filter(|value| *value <= MAX_EXACT_AMOUNT) {
                prop_assert_eq!(unpack_amount(&pack_amount(value)), Some(value));
            }
            let fee = unpack_fee(&bytes[..2]).unwrap();
            prop_assert_eq!(unpack_fee(&pack_fee(fee).unwrap()), Some(fee));
        }
    }
}
