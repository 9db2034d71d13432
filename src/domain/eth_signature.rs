//! Ethereum signatures that come with transactions (spec 02 §1, §2.1); carried, never verified here.

use super::hex_types::{HexError, decode_array, deserialize_text};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Offset of the recovery id in the electrum form.
const ELECTRUM_V: u8 = 27;

/// `r ‖ s ‖ v` with `v` as the plain recovery id. Text and bytes have 27 added to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackedEthSignature([u8; 65]);

impl PackedEthSignature {
    /// From 65 bytes; a `v` of 27 or more is reduced by 27.
    pub fn from_bytes(mut bytes: [u8; 65]) -> Self {
        if bytes[64] >= ELECTRUM_V {
            bytes[64] -= ELECTRUM_V;
        }
        Self(bytes)
    }

    /// 65 bytes with `v` as 27 or 28.
    pub fn to_bytes(self) -> [u8; 65] {
        let mut bytes = self.0;
        // At most 255 - 27 by construction.
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

/// Signature checked by a contract: any bytes.
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

/// Either kind of signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "signature")]
pub enum TxEthSignature {
    /// Of a key.
    EthereumSignature(PackedEthSignature),
    /// Of a contract.
    #[serde(rename = "EIP1271Signature")]
    Eip1271Signature(Eip1271Signature),
}

/// Signatures of a transaction: of its sender, and of a swap's orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a signature, null, or an array of three such")]
pub enum TxEthSignatureVariant {
    /// Of any transaction: object or `null`.
    Single(Option<TxEthSignature>),
    /// Of a swap: array of the transaction's and of the first and the second order's.
    Triple(Option<TxEthSignature>, Option<TxEthSignature>, Option<TxEthSignature>),
}

/// Signatures of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a signature or an array of signatures")]
pub enum EthBatchSignatures {
    /// One for the whole batch.
    Single(TxEthSignature),
    /// Any number of them.
    Multi(Vec<TxEthSignature>),
}

/// Signature and the message it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EthSignData {
    /// The signature.
    pub signature: TxEthSignature,
    /// The message: JSON array of byte numbers; a string is read as its UTF-8 bytes.
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
    use crate::domain::tests::round_trip;

    #[test]
    fn v_is_written_with_offset_and_read_with_or_without() {
        let with = |v: &str| format!("\"0x{}{v}\"", "11".repeat(64));
        for (input, output) in [("00", "1b"), ("1b", "1b"), ("01", "1c"), ("1c", "1c"), ("ff", "ff")] {
            let signature: PackedEthSignature = serde_json::from_str(&with(input)).unwrap();
            assert_eq!(serde_json::to_string(&signature).unwrap(), with(output));
        }
        assert!(serde_json::from_str::<PackedEthSignature>(&format!("\"{}\"", "11".repeat(65))).is_err());
    }

    #[test]
    fn a_transaction_has_one_or_three_signatures() {
        let sign = r#"{"type":"EIP1271Signature","signature":"0x0102"}"#;
        assert_eq!(round_trip::<TxEthSignatureVariant>("null"), TxEthSignatureVariant::Single(None));
        let single = round_trip::<TxEthSignatureVariant>(sign);
        assert!(matches!(single, TxEthSignatureVariant::Single(Some(TxEthSignature::Eip1271Signature(_)))));
        let triple = round_trip::<TxEthSignatureVariant>(&format!("[{sign},null,{sign}]"));
        assert!(matches!(triple, TxEthSignatureVariant::Triple(Some(_), None, Some(_))));
        round_trip::<TxEthSignatureVariant>("[null,null,null]");
        for bad in ["[]", "[null,null]", "[null,null,null,null]", "{}", "\"0x0102\""] {
            assert!(serde_json::from_str::<TxEthSignatureVariant>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_batch_has_one_signature_or_a_list() {
        let contract = r#"{"type":"EIP1271Signature","signature":"0x"}"#;
        let key = format!(r#"{{"type":"EthereumSignature","signature":"0x{}1b"}}"#, "11".repeat(64));
        assert!(matches!(round_trip(&key), EthBatchSignatures::Single(TxEthSignature::EthereumSignature(_))));
        let list = round_trip(&format!("[{contract},{key}]"));
        assert!(matches!(list, EthBatchSignatures::Multi(list) if list.len() == 2));
        assert_eq!(round_trip::<EthBatchSignatures>("[]"), EthBatchSignatures::Multi(vec![]));
        for bad in ["null", "[null]", "{}", "1"] {
            assert!(serde_json::from_str::<EthBatchSignatures>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn message_may_be_text() {
        let json = r#"{"signature":{"type":"EIP1271Signature","signature":"0x0102"},"message":"hi"}"#;
        let data: EthSignData = serde_json::from_str(json).unwrap();
        let out = r#"{"signature":{"type":"EIP1271Signature","signature":"0x0102"},"message":[104,105]}"#;
        assert_eq!(serde_json::to_string(&data).unwrap(), out);
        assert_eq!(serde_json::from_str::<EthSignData>(out).unwrap(), data);
    }
}
