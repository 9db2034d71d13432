//! Ethereum signatures as requests give them.

use serde::Deserialize;

use crate::devnet::requests::EthSignatures;
use crate::domain::{TxEthSignature, ZkSyncTx};

/// The Ethereum signatures of a transaction: null, one, or the three of a swap.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub(in crate::devnet) enum TxSignatures {
    /// No signature.
    #[default]
    Missing,
    /// That of the sender.
    One(TxEthSignature),
    /// Those of the submitter and of both orders of a swap.
    Three([Option<TxEthSignature>; 3]),
}

impl TxSignatures {
    /// Returns the signatures for a transaction.
    pub(in crate::devnet) fn of(self, tx: &ZkSyncTx) -> EthSignatures {
        match self {
            Self::Missing => EthSignatures::One(None),
            Self::One(signature) => EthSignatures::One(Some(signature)),
            Self::Three(all) if matches!(tx, ZkSyncTx::Swap(_)) => EthSignatures::Swap(all),
            Self::Three([first, ..]) => EthSignatures::One(first),
        }
    }
}

/// The Ethereum signatures of a batch: null, one, or a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub(in crate::devnet) enum BatchSignatures {
    /// No signature.
    #[default]
    Missing,
    /// One signature.
    One(TxEthSignature),
    /// Any number of signatures.
    Many(Vec<TxEthSignature>),
}

impl From<BatchSignatures> for Vec<TxEthSignature> {
    fn from(signatures: BatchSignatures) -> Self {
        match signatures {
            BatchSignatures::Missing => Vec::new(),
            BatchSignatures::One(signature) => vec![signature],
            BatchSignatures::Many(signatures) => signatures,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn signatures_are_null_one_or_several() {
        let one = json!({"type": "EIP1271Signature", "signature": "0x12"});
        let of = |value| serde_json::from_value::<TxSignatures>(value);
        assert!(matches!(of(json!(null)), Ok(TxSignatures::Missing)));
        assert!(matches!(of(one.clone()), Ok(TxSignatures::One(_))));
        assert!(matches!(of(json!([one, null, one])), Ok(TxSignatures::Three([Some(_), None, Some(_)]))));
        for value in [json!([]), json!([one, one]), json!([one, one, one, one]), json!("0x12"), json!({})] {
            assert!(of(value.clone()).is_err(), "{value}");
        }
        let count = |value| {
            serde_json::from_value::<BatchSignatures>(value).map(|all| Vec::<TxEthSignature>::from(all).len())
        };
        assert_eq!(count(json!(null)).unwrap(), 0);
        assert_eq!(count(one.clone()).unwrap(), 1);
        assert_eq!(count(json!([one, one])).unwrap(), 2);
        assert_eq!(count(json!([])).unwrap(), 0);
        assert!(count(json!([null])).is_err());
    }
}
