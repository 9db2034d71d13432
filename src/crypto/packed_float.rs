//! Amounts and fees as decimal floats (specification 01 §6): `mantissa·10^exponent`, packed big-endian as
//! `mantissa·2^5 + exponent`. Amounts have 35 bits of mantissa, fees 11.

use thiserror::Error;

/// Why an integer has no packed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PackError {
    /// It is greater than the greatest packable value.
    #[error("Input integer is too big for packing. Actual: {actual}, limit: {limit}")]
    TooBig {
        /// The integer.
        actual: u128,
        /// The greatest that can be packed.
        limit: u128,
    },
}

const EXPONENT_BITS: u32 = 5;
const MAX_EXPONENT: u32 = (1 << EXPONENT_BITS) - 1;
const AMOUNT_MANTISSA_BITS: u32 = 35;
const FEE_MANTISSA_BITS: u32 = 11;

/// Packs an amount, rounded down to the closest packable value.
///
/// # Errors
/// [`PackError::TooBig`].
pub fn pack_amount(value: u128) -> Result<[u8; 5], PackError> {
    pack(value, AMOUNT_MANTISSA_BITS, Round::Down).map(low_bytes)
}

/// Packs a fee, rounded down to the closest packable value.
///
/// # Errors
/// [`PackError::TooBig`].
pub fn pack_fee(value: u128) -> Result<[u8; 2], PackError> {
    pack(value, FEE_MANTISSA_BITS, Round::Down).map(low_bytes)
}

/// Packs an amount, rounded up.
///
/// # Errors
/// [`PackError::TooBig`].
pub fn pack_amount_up(value: u128) -> Result<[u8; 5], PackError> {
    pack(value, AMOUNT_MANTISSA_BITS, Round::Up).map(low_bytes)
}

/// Packs a fee, rounded up.
///
/// # Errors
/// [`PackError::TooBig`].
pub fn pack_fee_up(value: u128) -> Result<[u8; 2], PackError> {
    pack(value, FEE_MANTISSA_BITS, Round::Up).map(low_bytes)
}

/// The amount these 5 bytes stand for; none if they are not 5, or it exceeds 128 bits.
pub fn unpack_amount(bytes: &[u8]) -> Option<u128> {
    unpack(bytes, AMOUNT_MANTISSA_BITS)
}

/// The fee these 2 bytes stand for; none if they are not 2.
pub fn unpack_fee(bytes: &[u8]) -> Option<u128> {
    unpack(bytes, FEE_MANTISSA_BITS)
}

/// Whether packing the amount loses nothing.
pub fn is_amount_packable(value: u128) -> bool {
    pack_amount(value).is_ok_and(|packed| unpack_amount(&packed) == Some(value))
}

/// Whether packing the fee loses nothing.
pub fn is_fee_packable(value: u128) -> bool {
    pack_fee(value).is_ok_and(|packed| unpack_fee(&packed) == Some(value))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    Down,
    Up,
}

fn pack(value: u128, mantissa_bits: u32, round: Round) -> Result<u64, PackError> {
    let max_mantissa = (1u128 << mantissa_bits) - 1;
    // Saturation stands for "greater than any value", which is all the comparisons need.
    let greatest = |exponent: u32| max_mantissa.saturating_mul(10u128.pow(exponent));
    let float = |exponent: u32, mantissa: u128| mantissa as u64 * (1 << EXPONENT_BITS) + u64::from(exponent);

    let exponent = (0..=MAX_EXPONENT)
        .find(|exponent| value <= greatest(*exponent))
        .ok_or(PackError::TooBig { actual: value, limit: greatest(MAX_EXPONENT) })?;
    let unit = 10u128.pow(exponent);
    if round == Round::Up {
        return Ok(float(exponent, value.div_ceil(unit)));
    }
    // The greatest value of the exponent below may be closer; on a tie the reference takes it.
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

    fn check(expected: &Value, packed: Result<&[u8], PackError>, unpacked: Option<u128>, packable: bool) {
        match packed {
            // Where the reference never returns there is nothing to match.
            Ok(_) if expected.as_str().is_some_and(|text| text.starts_with("UNDEFINED")) => {}
            Ok(packed) => {
                assert_eq!(expected["packed"], hex::encode(packed));
                assert_eq!(expected["unpacked"], unpacked.unwrap().to_string());
                assert_eq!(expected["packable"], packable);
            }
            Err(_) => assert_eq!(expected, "ERROR: integer too big"),
        }
    }

    #[test]
    fn packing_matches_the_reference() {
        for case in vectors()["packed_floats"].as_array().unwrap() {
            let value: u128 = case["value"].as_str().unwrap().parse().unwrap();
            let amount = pack_amount(value);
            let unpacked = amount.ok().and_then(|a| unpack_amount(&a));
            check(
                &case["amount"],
                amount.as_ref().map(|a| &a[..]).map_err(|e| *e),
                unpacked,
                is_amount_packable(value),
            );
            let fee = pack_fee(value);
            let unpacked = fee.ok().and_then(|f| unpack_fee(&f));
            check(
                &case["fee"],
                fee.as_ref().map(|f| &f[..]).map_err(|e| *e),
                unpacked,
                is_fee_packable(value),
            );
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
    fn examples_of_the_specification() {
        assert_eq!(pack_amount(0xDEAD_BEAF), Ok([27, 213, 183, 213, 224]));
        assert_eq!(pack_amount(42), Ok([0, 0, 0, 5, 0x40]));
        assert_eq!(pack_fee(42), Ok([5, 0x40]));
        assert_eq!(pack_fee(2047), Ok([0xff, 0xe0]));
        assert_eq!(pack_fee(2048), Ok([0xff, 0xe0]));
        assert_eq!(unpack_fee(&pack_fee(2051).unwrap()), Some(2050));
        assert_eq!(unpack_fee(&pack_fee_up(2051).unwrap()), Some(2060));
    }

    #[test]
    fn limits() {
        let limit = 2047 * 10u128.pow(31);
        assert_eq!(pack_fee(limit), Ok([0xff, 0xff]));
        assert_eq!(pack_fee(limit + 1), Err(PackError::TooBig { actual: limit + 1, limit }));
        assert_eq!(
            pack_fee(limit + 1).unwrap_err().to_string(),
            format!("Input integer is too big for packing. Actual: {}, limit: {limit}", limit + 1)
        );
        // Here 35 bits of mantissa leave 128 bits; the reference overflows.
        assert_eq!(
            unpack_amount(&pack_amount(u128::MAX).unwrap()),
            Some(u128::MAX / 10u128.pow(28) * 10u128.pow(28))
        );
        assert_eq!(unpack_amount(&pack_amount_up(u128::MAX).unwrap()), None);
    }

    proptest! {
        #[test]
        fn rounding_brackets_the_value(value: u128, shift in 0u32..128) {
            let value = value >> shift;
            let down = unpack_amount(&pack_amount(value).unwrap()).unwrap();
            prop_assert!(down <= value);
            prop_assert_eq!(down == value, is_amount_packable(value));
            prop_assert!(is_amount_packable(down));
            if let Some(up) = unpack_amount(&pack_amount_up(value).unwrap()) {
                prop_assert!(up >= value);
                prop_assert_eq!(up == value, down == value);
            }
            if let (Ok(down), Ok(up)) = (pack_fee(value), pack_fee_up(value)) {
                prop_assert!(unpack_fee(&down).unwrap() <= value);
                prop_assert!(unpack_fee(&up).unwrap() >= value);
            }
        }

        #[test]
        fn what_unpacks_is_packable(bytes: [u8; 5]) {
            if let Some(value) = unpack_amount(&bytes) {
                prop_assert!(is_amount_packable(value));
            }
            prop_assert!(is_fee_packable(unpack_fee(&bytes[..2]).unwrap()));
        }
    }
}
