//! Field elements as integers, bytes, hex and JSON (docs/protocol/01-primitives.md §2).

use franklin_crypto::bellman::pairing::{
    bn256::{Fr, FrRepr},
    ff::{Field, PrimeField},
};
use thiserror::Error;

/// Returned when bytes or text are not a field element.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FrError {
    /// The value is not below the modulus.
    #[error("not a field element: the value is not below the modulus")]
    NotInField,
    /// The text is not an even number of hex digits.
    #[error("not a field element: {0}")]
    Hex(#[from] hex::FromHexError),
}

/// Returns the value as 32 big-endian bytes.
pub fn to_bytes(value: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.rchunks_exact_mut(8).zip(value.into_repr().as_ref()) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

/// Returns the field element with the value of 32 big-endian bytes.
///
/// # Errors
/// [`FrError::NotInField`] if the value is not below the modulus.
pub fn from_bytes(bytes: &[u8; 32]) -> Result<Fr, FrError> {
    let mut repr = FrRepr::default();
    for (limb, chunk) in repr.as_mut().iter_mut().zip(bytes.rchunks_exact(8)) {
        *limb = chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    Fr::from_repr(repr).map_err(|_| FrError::NotInField)
}

/// Returns the value as 64 lower-case hex digits without prefix, as in all JSON.
pub fn to_hex(value: &Fr) -> String {
    hex::encode(to_bytes(value))
}

/// Parses hex as the reference does: an optional `0x` is dropped, short input is padded with zeros
/// on the left, and of long input only the low 32 bytes count.
///
/// # Errors
/// [`FrError::Hex`] if a digit is not hex or the number of digits is odd, [`FrError::NotInField`]
/// if the value is not below the modulus.
pub fn from_hex(text: &str) -> Result<Fr, FrError> {
    let digits = hex::decode(text.strip_prefix("0x").unwrap_or(text))?;
    let low = &digits[digits.len().saturating_sub(32)..];
    let mut bytes = [0; 32];
    bytes[32 - low.len()..].copy_from_slice(low);
    from_bytes(&bytes)
}

/// Returns an integer as a field element.
pub fn from_u64(value: u64) -> Fr {
    from_u128(value.into())
}

/// Returns an integer as a field element.
pub fn from_u128(value: u128) -> Fr {
    from_short_bytes(&value.to_be_bytes())
}

/// Returns the big-endian integer value of an Ethereum address or a public key hash.
pub fn from_address(address: &[u8; 20]) -> Fr {
    from_short_bytes(address)
}

/// Returns the big-endian integer value of fewer than 32 bytes, which is always below the modulus.
pub fn from_short_bytes<const N: usize>(short: &[u8; N]) -> Fr {
    const { assert!(N < 32) };
    // Most numbers of a witness are zero, and zero needs no conversion to Montgomery form.
    if *short == [0; N] {
        return Fr::zero();
    }
    let mut bytes = [0; 32];
    bytes[32 - N..].copy_from_slice(short);
    from_bytes(&bytes).unwrap_or_else(|_| Fr::zero())
}

/// The JSON form of an [`Fr`], for `#[serde(with = "…")]`: written by [`to_hex`], read by
/// [`from_hex`].
pub mod serde_fr {
    use super::Fr;
    use serde::{Deserializer, Serializer, de};
    use std::fmt;

    /// Writes the value by [`super::to_hex`].
    ///
    /// # Errors
    /// Returns the errors of the serializer.
    pub fn serialize<S: Serializer>(value: &Fr, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::to_hex(value))
    }

    /// Reads a string by [`super::from_hex`].
    ///
    /// # Errors
    /// Returns the errors of the deserializer and of [`super::from_hex`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fr, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }

    struct HexVisitor;

    impl de::Visitor<'_> for HexVisitor {
        type Value = Fr;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a field element in hex")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Fr, E> {
            super::from_hex(text).map_err(E::custom)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::test_vectors::vectors;
    use serde_json::json;

    const R_MINUS_1: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000";
    const R: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

    #[test]
    fn hex_matches_the_reference() {
        for case in vectors()["fr_hex"].as_array().unwrap() {
            let value = from_u128(case["value"].as_str().unwrap().parse().unwrap());
            assert_eq!(to_hex(&value), case["hex"]);
            assert_eq!(from_hex(case["hex"].as_str().unwrap()).unwrap(), value);
        }
        assert_eq!(vectors()["r_minus_1"], R_MINUS_1);
    }

    #[test]
    fn hex_is_parsed_leniently_but_never_reduced() {
        let two = from_u64(2);
        for text in ["02", "0x02", "0002", &format!("ffff{:064x}", 2), &format!("0x{:064X}", 2)] {
            assert_eq!(from_hex(text).unwrap(), two, "{text}");
        }
        assert_eq!(from_hex("0xAb").unwrap(), from_hex("ab").unwrap());
        assert_eq!(from_hex("").unwrap(), Fr::zero());
        assert_eq!(to_hex(&from_hex(R_MINUS_1).unwrap()), R_MINUS_1);
        assert_eq!(from_hex(R), Err(FrError::NotInField));
        assert_eq!(from_hex(&"f".repeat(64)), Err(FrError::NotInField));
        for text in ["2", "0x2", "0x0x02", "0X02", "zz", " 02"] {
            assert!(matches!(from_hex(text), Err(FrError::Hex(_))), "{text}");
        }
    }

    #[test]
    fn integers_and_addresses_are_big_endian() {
        assert_eq!(to_bytes(&from_u64(0x0102))[30..], [1, 2]);
        assert_eq!(from_u128(u128::MAX), from_hex(&"f".repeat(32)).unwrap());
        let mut address = [0; 20];
        address[0] = 0xfe;
        address[19] = 1;
        assert_eq!(from_address(&address), from_hex(&hex::encode(address)).unwrap());
    }

    #[test]
    fn json_is_hex() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Wrapped(#[serde(with = "serde_fr")] Fr);
        let one = json!("0000000000000000000000000000000000000000000000000000000000000001");
        assert_eq!(serde_json::to_value(Wrapped(Fr::one())).unwrap(), one);
        assert_eq!(serde_json::from_value::<Wrapped>(json!("0x01")).unwrap().0, Fr::one());
        assert!(serde_json::from_value::<Wrapped>(json!(R)).is_err());
        assert!(serde_json::from_value::<Wrapped>(json!(1)).is_err());
    }
}
