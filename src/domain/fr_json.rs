//! Field elements in JSON: 64 hex digits (spec 01 §2.1).

pub use franklin_crypto::bellman::pairing::bn256::Fr;
use franklin_crypto::bellman::pairing::ff::{PrimeField, PrimeFieldRepr};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes 64 digits.
pub fn serialize<S: Serializer>(fr: &Fr, serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(32);
    fr.into_repr().write_be(&mut bytes).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&hex::encode(bytes))
}

/// Reads hex below the modulus.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    let mut bytes = hex::decode(digits).map_err(D::Error::custom)?;
    bytes.reverse();
    bytes.resize(32, 0);
    let mut repr = <Fr as PrimeField>::Repr::default();
    repr.read_le(&bytes[..]).map_err(D::Error::custom)?;
    Fr::from_repr(repr).map_err(D::Error::custom)
}
