//! Hashes of transactions as text.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::domain::H256;

const RPC_PREFIX: &str = "sync-tx:";

/// The hash of a transaction in a request: 64 hex digits after `sync-tx:` or `0x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet) struct TxHashArgument(pub H256);

/// The text is not a hash.
#[derive(Debug, thiserror::Error)]
#[error("a transaction hash is `0x` or `sync-tx:` and 64 hex digits")]
pub(in crate::devnet) struct TxHashError;

impl TxHashArgument {
    /// Returns the form of JSON-RPC.
    pub(in crate::devnet) fn rpc(hash: &H256) -> String {
        format!("{RPC_PREFIX}{}", hex::encode(hash.0))
    }
}

impl FromStr for TxHashArgument {
    type Err = TxHashError;

    fn from_str(text: &str) -> Result<Self, TxHashError> {
        let digits = [RPC_PREFIX, "0x"].iter().find_map(|prefix| text.strip_prefix(prefix));
        // Another prefix would be accepted by the type of the digits.
        let digits = digits.filter(|digits| digits.len() == 64);
        digits.and_then(|digits| digits.parse().ok()).map(Self).ok_or(TxHashError)
    }
}

impl<'de> Deserialize<'de> for TxHashArgument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_others_are_refused() {
        let digits = "aB".repeat(32);
        let hash = H256([0xab; 32]);
        for prefix in ["0x", "sync-tx:"] {
            assert_eq!(format!("{prefix}{digits}").parse::<TxHashArgument>().unwrap().0, hash);
        }
        for text in [digits.as_str(), "0x", "sync-tx:00", "sync-tx:0x", &format!("0x0x{digits}"), "0xé"] {
            assert!(text.parse::<TxHashArgument>().is_err(), "{text}");
        }
        assert_eq!(TxHashArgument::rpc(&hash), format!("sync-tx:{}", "ab".repeat(32)));
    }
}
