//! Amounts: unbounded integers in JSON, at most 128 bits in the protocol
//! (docs/protocol/02-types-json.md §1).
//!
//! The modules here are for `#[serde(with = "…")]`. The reference writes amounts as decimal
//! strings, except inside account updates, where they are arrays of 32-bit words ([`update`]).

use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The reason why a value is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The value exceeds the 128 bits of the protocol.
    #[error("amount does not fit 128 bits")]
    TooBig,
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// The value is less than zero.
    #[error("Expected positive value")]
    Negative,
    /// The text has more digits than any amount needs.
    #[error("number has too many digits")]
    TooLong,
}

/// Returns the amount as the 128-bit integer of the protocol.
///
/// # Errors
/// [`AmountError::TooBig`] above 128 bits.
pub fn to_u128(amount: &BigUint) -> Result<u128, AmountError> {
    amount.to_u128().ok_or(AmountError::TooBig)
}

/// Maximum number of digits in a text: more than any amount has (2^256 has 78) and still cheap to
/// convert.
const MAX_DIGITS: usize = 400;

/// An amount with its own JSON form: a decimal string is written, and a number is read as well.
/// Text may have a fraction, which is dropped, and an exponent.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(pub BigUint);

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        if text.len() > 2 * MAX_DIGITS {
            return Err(AmountError::TooLong);
        }
        let (negative, text) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.parse::<i16>().map_err(|_| AmountError::NotANumber)?)
            }
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountError::NotANumber);
        }
        let point = i64::from(exponent) + whole.len() as i64;
        let kept = usize::try_from(point).unwrap_or(0);
        if kept > MAX_DIGITS {
            return Err(AmountError::TooLong);
        }
        // Digits after the point are dropped, missing ones before it are zeros.
        let integer = format!("0{digits:0<kept$}");
        let value = BigUint::parse_bytes(&integer.as_bytes()[..=kept], 10).ok_or(AmountError::NotANumber)?;
        if negative && !value.is_zero() {
            return Err(AmountError::Negative);
        }
        Ok(Self(value))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl serde::de::Visitor<'_> for Number {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string or a number")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Amount, E> {
                Ok(Amount(BigUint::from(value)))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Amount, E> {
                let value = u64::try_from(value).map_err(|_| E::custom(AmountError::Negative))?;
                self.visit_u64(value)
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Amount, E> {
                // The shortest decimal form equals the number in the JSON.
                self.visit_str(&value.to_string())
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Writes a decimal string.
pub(crate) fn serialize<S: Serializer>(amount: &BigUint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// Reads a decimal string or number; a fraction is dropped, a negative number refused.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BigUint, D::Error> {
    Ok(Amount::deserialize(deserializer)?.0)
}

/// `null` or a decimal string. A missing key also needs `#[serde(default)]`.
pub(crate) mod option {
    use super::{Amount, BigUint, Deserialize, Deserializer, Serialize, Serializer};

    /// Writes `null` or a decimal string.
    pub(crate) fn serialize<S: Serializer>(
        amount: &Option<BigUint>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        amount.clone().map(Amount).serialize(serializer)
    }

    /// Reads `null` or a value that [`super::deserialize`] accepts.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<BigUint>, D::Error> {
        Ok(Option::<Amount>::deserialize(deserializer)?.map(|d| d.0))
    }
}

/// An array of two decimal strings.
pub(crate) mod pair {
    use super::{Amount, BigUint, Deserialize, Deserializer, Serialize, Serializer};

    /// Writes both as decimal strings.
    pub(crate) fn serialize<S: Serializer>(
        pair: &(BigUint, BigUint),
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        (Amount(pair.0.clone()), Amount(pair.1.clone())).serialize(serializer)
    }

    /// Reads two values that [`super::deserialize`] accepts.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<(BigUint, BigUint), D::Error> {
        let (first, second) = <(Amount, Amount)>::deserialize(deserializer)?;
        Ok((first.0, second.0))
    }
}

/// An object of token ids and decimal strings.
pub(crate) mod map {
    use super::{Amount, BigUint, Deserialize, Deserializer, Serializer};
    use crate::domain::ids::TokenId;
    use std::collections::BTreeMap;

    /// Writes the values as decimal strings.
    pub(crate) fn serialize<S: Serializer>(
        map: &BTreeMap<TokenId, BigUint>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(token, amount)| (token, Amount(amount.clone()))))
    }

    /// Reads values that [`super::deserialize`] accepts.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<TokenId, BigUint>, D::Error> {
        let map = BTreeMap::<TokenId, Amount>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(token, amount)| (token, amount.0)).collect())
    }
}

/// `[token, old, new]` of a balance update, with amounts as arrays of 32-bit words, least
/// significant first; zero is `[]`.
pub(crate) mod update {
    use super::{BigUint, Deserialize, Deserializer, Serialize, Serializer};
    use crate::domain::ids::TokenId;

    /// Writes words without trailing zeros.
    pub(crate) fn serialize<S: Serializer>(
        update: &(TokenId, BigUint, BigUint),
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let words = |amount: &BigUint| amount.iter_u32_digits().collect::<Vec<_>>();
        (update.0, words(&update.1), words(&update.2)).serialize(serializer)
    }

    /// Reads words; trailing zeros are accepted.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<(TokenId, BigUint, BigUint), D::Error> {
        let (token, old, new) = <(TokenId, Vec<u32>, Vec<u32>)>::deserialize(deserializer)?;
        Ok((token, BigUint::new(old), BigUint::new(new)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    fn read(json: &str) -> Result<String, String> {
        let value: Amount = serde_json::from_str(json).map_err(|e| e.to_string())?;
        Ok(value.0.to_string())
    }

    #[test]
    fn strings_and_numbers_are_accepted() {
        for (json, value) in [
            ("\"1000\"", "1000"),
            ("1000", "1000"),
            ("18446744073709551615", "18446744073709551615"),
            ("12.9", "12"),
            ("\"12.9\"", "12"),
            ("0.99", "0"),
            ("-0.5", "0"),
            ("1e30", "1000000000000000000000000000000"),
            ("\"1.5e3\"", "1500"),
            ("\"15e-1\"", "1"),
            ("\"0\"", "0"),
            ("\"340282366920938463463374607431768211456\"", "340282366920938463463374607431768211456"),
        ] {
            assert_eq!(read(json).as_deref(), Ok(value), "{json}");
        }
    }

    #[test]
    fn an_amount_is_written_as_a_string() {
        for text in [r#""0""#, r#""5""#, r#""340282366920938463463374607431768211456""#] {
            round_trip::<Amount>(text);
        }
        let amount: Amount = serde_json::from_str("5.7").unwrap();
        assert_eq!(serde_json::to_string(&amount).unwrap(), r#""5""#);
    }

    #[test]
    fn negative_and_malformed_numbers_are_refused() {
        for json in ["-1", "\"-1\"", "-1.5"] {
            assert!(read(json).unwrap_err().contains("Expected positive value"), "{json}");
        }
        for json in
            ["\"\"", "\".\"", "\"1 2\"", "\"0x10\"", "\"1e99999\"", "\"1e400\"", "null", "[1]", "\"é\""]
        {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!("9".repeat(2000).parse::<Amount>().err(), Some(AmountError::TooLong));
    }

    #[test]
    fn amounts_above_128_bits_do_not_convert() {
        assert_eq!(to_u128(&BigUint::from(u128::MAX)), Ok(u128::MAX));
        assert_eq!(to_u128(&(BigUint::from(u128::MAX) + 1u8)), Err(AmountError::TooBig));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            let _ = text.parse::<Amount>();
        }

        #[test]
        fn number_like_text_is_parsed_or_refused(text in "[-+]?[0-9]{0,30}(\\.[0-9]{0,9})?([eE]-?[0-9]{0,5})?") {
            let _ = text.parse::<Amount>();
        }

        #[test]
        fn decimal_strings_round_trip(value: u128) {
            proptest::prop_assert_eq!(value.to_string().parse::<Amount>().unwrap().0, BigUint::from(value));
        }
    }
}
