//! Amounts and fees as decimal floats (docs/protocol/01-primitives.md §6): `mantissa·10^exponent`,
//! packed big-endian as `mantissa·2^5 + exponent`. The mantissa of an amount has 35 bits, that of a
//! fee 11.

use thiserror::Error;

/// Returned when an integer has no packed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PackError {
    /// The integer is greater than the greatest packable value.
    #[error("Input integer is too big for packing. Actual: {actual}, limit: {limit}")]
    TooBig {
        /// The integer.
        actual: u128,
        /// The greatest packable value.
        limit: u128,
    },
}

const EXPONENT_BITS: u32 = 5;
const MAX_EXPONENT: u32 = (1 << EXPONENT_BITS) - 1;
const AMOUNT_MANTISSA_BITS: u32 = 35;
const FEE_MANTISSA_BITS: u32 = 11;

/// Packs an amount, rounded down to the closest packable value.
pub(crate) fn pack_amount(value: u128) -> Result<[u8; 5], PackError> {
    pack(value, AMOUNT_MANTISSA_BITS).map(low_bytes)
}

/// Packs a fee, rounded down to the closest packable value.
pub(crate) fn pack_fee(value: u128) -> Result<[u8; 2], PackError> {
    pack(value, FEE_MANTISSA_BITS).map(low_bytes)
}

/// Returns the amount in 5 packed bytes, or `None` if the bytes are not 5 or the amount exceeds 128
/// bits.
pub(crate) fn unpack_amount(bytes: &[u8]) -> Option<u128> {
    unpack(bytes, AMOUNT_MANTISSA_BITS)
}

/// Returns the fee in 2 packed bytes, or `None` if the bytes are not 2.
pub(crate) fn unpack_fee(bytes: &[u8]) -> Option<u128> {
    unpack(bytes, FEE_MANTISSA_BITS)
}

fn pack(value: u128, mantissa_bits: u32) -> Result<u64, PackError> {
    let max_mantissa = (1u128 << mantissa_bits) - 1;
    // A saturated product is greater than any value, which is all that the comparisons need.
    let greatest = |exponent: u32| max_mantissa.saturating_mul(10u128.pow(exponent));
    let float = |exponent: u32, mantissa: u128| mantissa as u64 * (1 << EXPONENT_BITS) + u64::from(exponent);

    let exponent = (0..=MAX_EXPONENT)
        .find(|exponent| value <= greatest(*exponent))
        .ok_or(PackError::TooBig { actual: value, limit: greatest(MAX_EXPONENT) })?;
    let unit = 10u128.pow(exponent);
    // The greatest value of the next lower exponent may be closer; on a tie the reference takes it.
    if exponent > 0 && value - greatest(exponent - 1) <= value % unit {
        return Ok(float(exponent - 1, max_mantissa));
    }
    Ok(float(exponent, value / unit))
}

fn unpack(bytes: &[u8], mantissa_bits: u32) -> Option<u128> {
    if bytes.len() as u32 * 8 != EXPONENT_BITS + mantissa_bits {
        return None;
    }
    let float = bytes.iter().fold(0, |float, byte| float << 8 | u128::from(*byte));
    let exponent = float as u32 & MAX_EXPONENT;
    (float >> EXPONENT_BITS).checked_mul(10u128.pow(exponent))
}

fn low_bytes<const N: usize>(float: u64) -> [u8; N] {
    std::array::from_fn(|i| (float >> (8 * (N - 1 - i))) as u8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::crypto::test_vectors::vectors;
    use proptest::prelude::*;
    use serde_json::Value;

    type Unpack = fn(&[u8]) -> Option<u128>;

    /// Compares the packed form of a value, and the value that it stands for, with the reference.
    fn check<const N: usize>(
        expected: &Value,
        value: u128,
        packed: Result<[u8; N], PackError>,
        unpack: Unpack,
    ) {
        match packed {
            // There is no expected value where the reference never returns.
            Ok(_) if expected.as_str().is_some_and(|text| text.starts_with("UNDEFINED")) => {}
            Ok(packed) => {
                let unpacked = unpack(&packed).unwrap();
                assert_eq!(expected["packed"], hex::encode(packed));
                assert_eq!(expected["unpacked"], unpacked.to_string());
                assert_eq!(expected["packable"], unpacked == value);
            }
            Err(_) => assert_eq!(expected, "ERROR: integer too big"),
        }
    }

    #[test]
    fn packing_matches_the_reference() {
        for case in vectors()["packed_floats"].as_array().unwrap() {
            let value: u128 = case["value"].as_str().unwrap().parse().unwrap();
            check(&case["amount"], value, pack_amount(value), unpack_amount);
            check(&case["fee"], value, pack_fee(value), unpack_fee);
        }
    }

    #[test]
    fn unpacking_matches_the_reference() {
        for (list, field, unpack) in [
            ("unpack_amount", "amount_bytes", unpack_amount as Unpack),
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
    fn documented_values_are_packed() {
        assert_eq!(pack_amount(0xDEAD_BEAF), Ok([27, 213, 183, 213, 224]));
        assert_eq!(pack_amount(42), Ok([0, 0, 0, 5, 0x40]));
        assert_eq!(pack_fee(42), Ok([5, 0x40]));
        assert_eq!(pack_fee(2047), Ok([0xff, 0xe0]));
        assert_eq!(pack_fee(2048), Ok([0xff, 0xe0]));
        assert_eq!(unpack_fee(&pack_fee(2051).unwrap()), Some(2050));
    }

    #[test]
    fn values_above_the_limit_are_an_error() {
        let limit = 2047 * 10u128.pow(31);
        assert_eq!(pack_fee(limit), Ok([0xff, 0xff]));
        assert_eq!(pack_fee(limit + 1), Err(PackError::TooBig { actual: limit + 1, limit }));
        assert_eq!(
            pack_fee(limit + 1).unwrap_err().to_string(),
            format!("Input integer is too big for packing. Actual: {}, limit: {limit}", limit + 1)
        );
        // At this exponent a mantissa of 35 bits exceeds 128 bits; the reference overflows.
        assert_eq!(
            unpack_amount(&pack_amount(u128::MAX).unwrap()),
            Some(u128::MAX / 10u128.pow(28) * 10u128.pow(28))
        );
    }

    proptest! {
        #[test]
        fn packing_rounds_down(value: u128, shift in 0u32..128) {
            let value = value >> shift;
            let packed = unpack_amount(&pack_amount(value).unwrap()).unwrap();
            prop_assert!(packed <= value);
            prop_assert_eq!(unpack_amount(&pack_amount(packed).unwrap()), Some(packed));
            if let Ok(packed) = pack_fee(value) {
                prop_assert!(unpack_fee(&packed).unwrap() <= value);
            }
        }

        #[test]
        fn unpacked_values_are_packable(bytes: [u8; 5]) {
            if let Some(value) = unpack_amount(&bytes) {
                prop_assert_eq!(unpack_amount(&pack_amount(value).unwrap()), Some(value));
            }
            let fee = unpack_fee(&bytes[..2]).unwrap();
            prop_assert_eq!(unpack_fee(&pack_fee(fee).unwrap()), Some(fee));
        }
    }
}
