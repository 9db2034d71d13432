//! Fixed-length byte strings that are hex in JSON (spec 02 §1).

use serde::de::{Deserializer, Error, Visitor};
use std::{fmt, marker::PhantomData, str::FromStr};

/// Why a hex text is not a value of its type.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HexError {
    /// A prefix the type demands is missing.
    #[error("{0}")]
    Prefix(&'static str),
    /// A character is no hex digit, or their number is odd.
    #[error("not hexadecimal: {0}")]
    Digits(#[from] hex::FromHexError),
    /// Another number of bytes than the type has.
    #[error("Size mismatch: expected {expected} bytes, got {actual}")]
    Length {
        /// Bytes the type has.
        expected: usize,
        /// Bytes in the text.
        actual: usize,
    },
}

/// Decodes exactly `N` bytes of hex without prefix.
pub(super) fn decode_array<const N: usize>(digits: &str) -> Result<[u8; N], HexError> {
    // The length is looked at first so that a huge text costs nothing.
    if digits.len() != 2 * N {
        return Err(HexError::Length { expected: N, actual: digits.len() / 2 });
    }
    let mut out = [0; N];
    hex::decode_to_slice(digits, &mut out)?;
    Ok(out)
}

/// Deserialises a JSON string by the type's `FromStr`.
pub(super) fn deserialize_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    struct Text<T>(PhantomData<T>);
    impl<T: FromStr> Visitor<'_> for Text<T>
    where
        T::Err: fmt::Display,
    {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(PhantomData))
}

/// Implements the text form: `out` is written, any of `accept` is read (an empty one makes the prefix optional).
macro_rules! hex_type {
    ($(#[$doc:meta])* $name:ident, $len:literal, out: $out:literal, accept: [$($accept:literal),*], $missing:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $out, hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                let digits = [$($accept),*]
                    .iter()
                    .find_map(|prefix| text.strip_prefix(prefix))
                    .ok_or(HexError::Prefix($missing))?;
                decode_array(digits).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_text(deserializer)
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }
    };
}

/// Types for which all zeros means "nothing".
macro_rules! zero_default {
    ($($name:ident, $len:literal);*) => {$(
        impl Default for $name {
            fn default() -> Self {
                Self([0; $len])
            }
        }
        impl $name {
            /// Whether every byte is zero.
            pub fn is_zero(&self) -> bool {
                self.0 == [0; $len]
            }
        }
    )*};
}

hex_type! {
    /// Ethereum-style address; JSON `0x` and 40 digits.
    Address, 20, out: "0x", accept: ["0x", ""], ""
}
hex_type! {
    /// 32 opaque bytes; JSON `0x` and 64 digits.
    H256, 32, out: "0x", accept: ["0x", ""], ""
}
hex_type! {
    /// Low 160 bits of the Rescue hash of a public key, big-endian (spec 01 §8.4); zero means "no key set".
    /// JSON `sync:` and 40 digits.
    PubKeyHash, 20, out: "sync:", accept: ["sync:", "0x"], "PubKeyHash should start with sync:"
}
hex_type! {
    /// Packed point of a public key (spec 01 §8.1), not checked to be on the curve; JSON 64 digits without prefix.
    PackedPublicKey, 32, out: "", accept: [""], ""
}
hex_type! {
    /// `R` packed and `S` little-endian (spec 01 §8.1), not checked; JSON 128 digits without prefix.
    PackedSignature, 64, out: "", accept: [""], ""
}
hex_type! {
    /// SHA-256 that names a transaction (spec 01 §7.2); JSON `sync-tx:` and 64 digits.
    TxHash, 32, out: "sync-tx:", accept: ["sync-tx:", "0x"], "TxHash should start with 0x or sync-tx:"
}

zero_default! { Address, 20; H256, 32; PubKeyHash, 20; TxHash, 32 }

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn json<T: serde::de::DeserializeOwned + serde::Serialize>(text: &str) -> Result<String, String> {
        let value: T = serde_json::from_str(text).map_err(|e| e.to_string())?;
        serde_json::to_string(&value).map_err(|e| e.to_string())
    }

    #[test]
    fn address_prefix_is_optional_and_case_does_not_matter() {
        let out = Ok(format!("\"0x{}\"", "ab".repeat(20)));
        assert_eq!(json::<Address>(&format!("\"{}\"", "AB".repeat(20))), out);
        assert_eq!(json::<Address>(&format!("\"0x{}\"", "aB".repeat(20))), out);
        assert!(json::<Address>("\"0x12\"").unwrap_err().contains("Size mismatch"));
        assert!(json::<Address>("7").is_err());
    }

    #[test]
    fn prefixed_types_demand_their_prefix() {
        let digits = "63".repeat(20);
        assert_eq!(json::<PubKeyHash>(&format!("\"0x{digits}\"")), Ok(format!("\"sync:{digits}\"")));
        assert!(
            json::<PubKeyHash>(&format!("\"{digits}\""))
                .unwrap_err()
                .contains("PubKeyHash should start with sync:")
        );
        assert!(json::<TxHash>("\"abc\"").unwrap_err().contains("TxHash should start with 0x or sync-tx:"));
        assert!(json::<PackedPublicKey>(&format!("\"0x{}\"", "00".repeat(31))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            let _ = text.parse::<Address>();
            let _ = text.parse::<PubKeyHash>();
            let _ = text.parse::<TxHash>();
            let _ = text.parse::<PackedSignature>();
        }
    }
}
