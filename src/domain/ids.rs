//! Integer identifiers and the fixed numbers of the protocol (docs/protocol/01-primitives.md §1).

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<u32> for $name {
            fn from(value: u32) -> Self {
                Self(value)
            }
        }
    };
}

id! {
    /// Index of a leaf of the account tree.
    AccountId
}
id! {
    /// Index of a leaf of a balance tree. Ids below 2^16 are fungible tokens, the others NFTs.
    TokenId
}
id! {
    /// Number of transactions that an account has sent.
    Nonce
}
id! {
    /// Number of a block; 0 is genesis.
    BlockNumber
}

/// Largest account id of a user.
pub(crate) const MAX_ACCOUNT_ID: AccountId = AccountId((1 << 24) - 2);
/// Account that stores the content of every NFT and counts them.
pub(crate) const NFT_STORAGE_ACCOUNT_ID: AccountId = AccountId((1 << 24) - 1);
/// Special token whose balance counts NFTs: serial ids at a creator, token ids at the storage
/// account.
pub(crate) const NFT_TOKEN_ID: TokenId = TokenId((1 << 31) - 2);
/// Largest token id that a transaction may name.
pub(crate) const MAX_TOKEN_ID: TokenId = TokenId((1 << 31) - 3);
/// Largest token id of a deposit, a withdrawal or a fee.
pub(crate) const MAX_FUNGIBLE_TOKEN_ID: TokenId = TokenId(PROCESSABLE_TOKENS - 1);
/// Number of tokens in which a fee may be paid: ids `0..1024`.
pub(crate) const PROCESSABLE_TOKENS: u32 = 1 << 10;
/// Size of the public data of one chunk, in bytes.
pub const CHUNK_BYTES: usize = 10;
/// Version byte in the signed form of current transactions.
pub(crate) const CURRENT_TX_VERSION: u8 = 1;

/// Token id of the first NFT.
pub(crate) const MIN_NFT_TOKEN_ID: TokenId = TokenId(1 << 16);

impl TokenId {
    /// Returns true if the id is in the range of NFTs, which also means that it does not fit two
    /// bytes.
    pub(crate) fn is_nft(self) -> bool {
        self >= MIN_NFT_TOKEN_ID
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;
    use serde::de::DeserializeOwned;
    use std::collections::BTreeMap;

    /// Checks the id as a number and as the key of a map, up to the largest; everything else is
    /// refused.
    fn assert_id<T>()
    where
        T: Serialize + DeserializeOwned + Ord + fmt::Display,
    {
        for number in [0, 42, u32::MAX] {
            assert_eq!(round_trip::<T>(&number.to_string()).to_string(), number.to_string());
            round_trip::<BTreeMap<T, u8>>(&format!(r#"{{"{number}":1}}"#));
        }
        for bad in ["4294967296", "-1", "1.5", "\"1\"", "null", "[1]"] {
            assert!(serde_json::from_str::<T>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_numbers_in_json_and_strings_as_keys() {
        assert_id::<AccountId>();
        assert_id::<TokenId>();
        assert_id::<Nonce>();
        assert_id::<BlockNumber>();
    }
}
