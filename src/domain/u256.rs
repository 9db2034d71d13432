//! 256-bit unsigned integer of Ethereum (docs/protocol/02-types-json.md §1): stored and written,
//! never computed with.

use crate::domain::hex_types::deserialize_text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// An integer of 32 big-endian bytes; JSON is `0x` and minimal hex, zero is `0x0`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct U256(pub [u8; 32]);

/// The text is not a hex number of at most 256 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a hexadecimal number of at most 256 bits")]
pub struct U256Error;

impl From<u64> for U256 {
    fn from(value: u64) -> Self {
        Self::from(u128::from(value))
    }
}

impl From<u128> for U256 {
    fn from(value: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[16..].copy_from_slice(&value.to_be_bytes());
        Self(bytes)
    }
}

impl fmt::Display for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let digits = digits.trim_start_matches('0');
        write!(f, "0x{}", if digits.is_empty() { "0" } else { digits })
    }
}

impl fmt::Debug for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for U256 {
    type Err = U256Error;
    fn from_str(text: &str) -> Result<Self, U256Error> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.is_empty() || digits.len() > 64 {
            return Err(U256Error);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(format!("{digits:0>64}"), &mut bytes).map_err(|_| U256Error)?;
        Ok(Self(bytes))
    }
}

impl Serialize for U256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for U256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_leading_zeros() {
        assert_eq!(U256::default().to_string(), "0x0");
        assert_eq!(U256::from(66_300u64).to_string(), "0x102fc");
        assert_eq!("0x000102fc".parse(), Ok(U256::from(66_300u64)));
        assert_eq!("102fc".parse(), Ok(U256::from(66_300u64)));
        let max = format!("0x{}", "f".repeat(64));
        assert_eq!(max.parse::<U256>().unwrap().to_string(), max);
        for bad in ["", "0x", "0xg", "-1", &format!("0x1{}", "0".repeat(64)), "é"] {
            assert_eq!(bad.parse::<U256>(), Err(U256Error), "{bad}");
        }
    }
}
