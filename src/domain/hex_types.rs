//! Fixed-length byte strings that are hex in JSON (docs/protocol/02-types-json.md §1).

use serde::de::{Deserializer, Error, Visitor};
use std::{fmt, marker::PhantomData, str::FromStr};

/// The reason why a hex text is not a value of the expected type.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HexError {
    /// The prefix that the type requires is missing.
    #[error("{0}")]
    Prefix(&'static str),
    /// A character is not a hex digit, or the number of digits is odd.
    #[error("not hexadecimal: {0}")]
    Digits(#[from] hex::FromHexError),
    /// The text has another length than the type.
    #[error("Size mismatch: expected {expected} bytes, got {actual}")]
    Length {
        /// Length of the type in bytes.
        expected: usize,
        /// Length of the text in bytes.
        actual: usize,
    },
}

/// Decodes exactly `N` bytes of hex without a prefix.
pub(super) fn decode_array<const N: usize>(digits: &str) -> Result<[u8; N], HexError> {
    // The length is checked first so that a huge text costs nothing.
    if digits.len() != 2 * N {
        return Err(HexError::Length { expected: N, actual: digits.len() / 2 });
    }
    let mut out = [0; N];
    hex::decode_to_slice(digits, &mut out)?;
    Ok(out)
}

/// Deserialises a JSON string with the type's `FromStr`.
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

/// Defines a type with a text form: the prefix `out` is written, and any of `accept` is read (an
/// empty one makes the prefix optional).
macro_rules! hex_type {
    ($(#[$doc:meta])* $name:ident, $len:literal, out: $out:literal, accept: [$($accept:literal),*], $missing:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

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

    };
}

/// Implements `Default` for types in which all zeros mean "absent".
macro_rules! zero_default {
    ($($name:ident, $len:literal);*) => {$(
        impl Default for $name {
            fn default() -> Self {
                Self([0; $len])
            }
        }
    )*};
}

hex_type! {
    /// An Ethereum address; JSON is `0x` and 40 digits.
    Address, 20, out: "0x", accept: ["0x", ""], ""
}
hex_type! {
    /// 32 opaque bytes; JSON is `0x` and 64 digits.
    H256, 32, out: "0x", accept: ["0x", ""], ""
}
hex_type! {
    /// Low 160 bits of the Rescue hash of a public key, big-endian
    /// (docs/protocol/01-primitives.md §8.4); zero means that no key is set. JSON is `sync:` and 40
    /// digits.
    PubKeyHash, 20, out: "sync:", accept: ["sync:", "0x"], "PubKeyHash should start with sync:"
}
hex_type! {
    /// Packed point of a public key (docs/protocol/01-primitives.md §8.1), not checked to be on the
    /// curve; JSON is 64 digits without a prefix.
    PackedPublicKey, 32, out: "", accept: [""], ""
}
hex_type! {
    /// `R` packed and `S` little-endian (docs/protocol/01-primitives.md §8.1), not checked; JSON is
    /// 128 digits without a prefix.
    PackedSignature, 64, out: "", accept: [""], ""
}

hex_type! {
    /// Hash of a transaction, a batch or a priority operation (docs/protocol/07-execution.md §10).
    /// JSON is `sync-tx:` and 64 digits.
    TxHash, 32, out: "sync-tx:", accept: ["sync-tx:", "0x"], "TxHash should start with 0x or sync-tx:"
}

impl H256 {
    /// Returns the bytes, filled up with zeros in front; `None` for more than 32 bytes.
    pub(crate) fn padded(bytes: &[u8]) -> Option<Self> {
        let mut hash = [0; 32];
        hash.get_mut(32_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        Some(Self(hash))
    }
}

zero_default! { Address, 20; H256, 32; PubKeyHash, 20 }

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn json<T: serde::de::DeserializeOwned + serde::Serialize>(text: &str) -> Result<String, String> {
        let value: T = serde_json::from_str(text).map_err(|e| e.to_string())?;
        serde_json::to_string(&value).map_err(|e| e.to_string())
    }

    #[test]
    fn the_prefix_of_an_address_is_optional_and_its_case_is_ignored() {
        let out = Ok(format!("\"0x{}\"", "ab".repeat(20)));
        assert_eq!(json::<Address>(&format!("\"{}\"", "AB".repeat(20))), out);
        assert_eq!(json::<Address>(&format!("\"0x{}\"", "aB".repeat(20))), out);
        assert!(json::<Address>("\"0x12\"").unwrap_err().contains("Size mismatch"));
        assert!(json::<Address>("7").is_err());
    }

    #[test]
    fn prefixed_types_require_their_prefix() {
        let digits = "63".repeat(20);
        assert_eq!(json::<PubKeyHash>(&format!("\"0x{digits}\"")), Ok(format!("\"sync:{digits}\"")));
        assert!(
            json::<PubKeyHash>(&format!("\"{digits}\""))
                .unwrap_err()
                .contains("PubKeyHash should start with sync:")
        );
        assert!(json::<PackedPublicKey>(&format!("\"0x{}\"", "00".repeat(31))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            let _ = text.parse::<Address>();
            let _ = text.parse::<PubKeyHash>();
            let _ = text.parse::<PackedSignature>();
        }
    }
}
