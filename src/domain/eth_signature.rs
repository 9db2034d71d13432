//! Ethereum signatures that accompany transactions (docs/protocol/02-types-json.md §1, §2.1);
//! `execution` verifies those of keys.

use crate::domain::hex_types::{HexError, decode_array, deserialize_text};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Offset of the recovery id in the Electrum form.
const ELECTRUM_V: u8 = 27;

/// A signature `r ‖ s ‖ v` with `v` as the plain recovery id. Its text and byte forms add 27 to
/// `v`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackedEthSignature([u8; 65]);

impl PackedEthSignature {
    /// Reads 65 bytes; a `v` of 27 or more is reduced by 27.
    pub(crate) fn from_bytes(mut bytes: [u8; 65]) -> Self {
        if bytes[64] >= ELECTRUM_V {
            bytes[64] -= ELECTRUM_V;
        }
        Self(bytes)
    }

    /// Returns 65 bytes with `v` as the plain recovery id.
    pub(crate) fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }

    /// Returns 65 bytes with `v` as 27 or 28.
    fn to_bytes(self) -> [u8; 65] {
        let mut bytes = self.0;
        // `v` is at most 255 - 27 by construction.
        bytes[64] += ELECTRUM_V;
        bytes
    }
}

impl fmt::Display for PackedEthSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for PackedEthSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PackedEthSignature {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        let digits = text.strip_prefix("0x").ok_or(HexError::Prefix("signature should start with 0x"))?;
        decode_array(digits).map(Self::from_bytes)
    }
}

/// A signature that a contract checks: any bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Eip1271Signature(pub Vec<u8>);

impl fmt::Display for Eip1271Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(&self.0))
    }
}

impl fmt::Debug for Eip1271Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Eip1271Signature {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        let digits = text.strip_prefix("0x").ok_or(HexError::Prefix("signature should start with 0x"))?;
        Ok(Self(hex::decode(digits)?))
    }
}

macro_rules! text_serde {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_text(deserializer)
            }
        }
    )*};
}
text_serde!(PackedEthSignature, Eip1271Signature);

/// A signature of either kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "signature")]
pub enum TxEthSignature {
    /// The signature of a key.
    EthereumSignature(PackedEthSignature),
    /// A signature that a contract checks.
    #[serde(rename = "EIP1271Signature")]
    Eip1271Signature(Eip1271Signature),
}

/// A signature and the signed message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EthSignData {
    /// The signature.
    pub signature: TxEthSignature,
    /// The message; JSON is an array of byte values, and a string is read as its UTF-8 bytes.
    #[serde(deserialize_with = "bytes_or_text")]
    pub message: Vec<u8>,
}

fn bytes_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Message {
        Text(String),
        Bytes(Vec<u8>),
    }
    Ok(match Message::deserialize(deserializer)? {
        Message::Text(text) => text.into_bytes(),
        Message::Bytes(bytes) => bytes,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn v_is_written_with_an_offset_and_read_with_or_without_it() {
        let with = |v: &str| format!("\"0x{}{v}\"", "11".repeat(64));
        for (input, output) in [("00", "1b"), ("1b", "1b"), ("01", "1c"), ("1c", "1c"), ("ff", "ff")] {
            let signature: PackedEthSignature = serde_json::from_str(&with(input)).unwrap();
            assert_eq!(serde_json::to_string(&signature).unwrap(), with(output));
        }
        assert!(serde_json::from_str::<PackedEthSignature>(&format!("\"{}\"", "11".repeat(65))).is_err());
    }

    #[test]
    fn a_message_may_be_text() {
        let json = r#"{"signature":{"type":"EIP1271Signature","signature":"0x0102"},"message":"hi"}"#;
        let data: EthSignData = serde_json::from_str(json).unwrap();
        let out = r#"{"signature":{"type":"EIP1271Signature","signature":"0x0102"},"message":[104,105]}"#;
        assert_eq!(serde_json::to_string(&data).unwrap(), out);
        assert_eq!(serde_json::from_str::<EthSignData>(out).unwrap(), data);
    }
}
