//! Integer identifiers and the protocol's fixed numbers (spec 01 §1).

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($number:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$number> for $name {
            fn from(value: $number) -> Self {
                Self(value)
            }
        }
    };
}

id! {
    /// Index of a leaf of the account tree.
    AccountId(u32)
}
id! {
    /// Index of a leaf of a balance tree: a fungible token, or an NFT from [`MIN_NFT_TOKEN_ID`] on.
    TokenId(u32)
}
id! {
    /// Number of transactions an account has sent.
    Nonce(u32)
}
id! {
    /// Number of a block; 0 is genesis.
    BlockNumber(u32)
}
id! {
    /// Number of a priority operation in the queue of the contract.
    PriorityOpId(u64)
}
id! {
    /// Number of an Ethereum block.
    EthBlockId(u64)
}
id! {
    /// Number of an Ethereum chain.
    ChainId(u64)
}
id! {
    /// Number of an event in the order of the events.
    EventId(u64)
}
id! {
    /// Number of a transaction in the order of all transactions.
    SequentialTxId(u64)
}

/// Number of a priority operation, as a plain integer.
pub type SerialId = u64;

/// Largest account id a user may hold.
pub const MAX_ACCOUNT_ID: AccountId = AccountId((1 << 24) - 2);
/// Account that stores the content of every NFT and counts them.
pub const NFT_STORAGE_ACCOUNT_ID: AccountId = AccountId((1 << 24) - 1);
/// Address of [`NFT_STORAGE_ACCOUNT_ID`].
pub const NFT_STORAGE_ADDRESS: super::Address = super::Address([0xff; 20]);
/// Special token whose balance counts NFTs: serial ids at a creator, token ids at the storage account.
pub const NFT_TOKEN_ID: TokenId = TokenId((1 << 31) - 2);
/// Largest token id a transaction may name.
pub const MAX_TOKEN_ID: TokenId = TokenId((1 << 31) - 3);
/// Token id of the first NFT; everything below is fungible.
pub const MIN_NFT_TOKEN_ID: TokenId = TokenId(1 << 16);
/// Number of tokens a fee may be paid in: ids `0..1024`.
pub const PROCESSABLE_TOKENS: u32 = 1 << 10;
/// Public data bytes of one chunk.
pub const CHUNK_BYTES: usize = 10;
/// Public data bytes of one chunk before contracts version 6.
pub const LEGACY_CHUNK_BYTES: usize = 9;
/// Version byte of the signed form of current transactions.
pub const CURRENT_TX_VERSION: u8 = 1;

impl TokenId {
    /// Whether the id belongs to the range of NFTs.
    pub fn is_nft(self) -> bool {
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

    /// As a number and as the key of a map, up to the largest; nothing else is an id.
    fn assert_id<T>(largest: u64)
    where
        T: Serialize + DeserializeOwned + Ord + fmt::Display,
    {
        for number in [0, 42, largest] {
            assert_eq!(round_trip::<T>(&number.to_string()).to_string(), number.to_string());
            round_trip::<BTreeMap<T, u8>>(&format!(r#"{{"{number}":1}}"#));
        }
        for bad in [&(u128::from(largest) + 1).to_string(), "-1", "1.5", "\"1\"", "null", "[1]"] {
            assert!(serde_json::from_str::<T>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_numbers_and_as_keys_strings() {
        assert_id::<AccountId>(u32::MAX.into());
        assert_id::<TokenId>(u32::MAX.into());
        assert_id::<Nonce>(u32::MAX.into());
        assert_id::<BlockNumber>(u32::MAX.into());
        assert_id::<PriorityOpId>(u64::MAX);
        assert_id::<EthBlockId>(u64::MAX);
        assert_id::<ChainId>(u64::MAX);
        assert_id::<EventId>(u64::MAX);
        assert_id::<SequentialTxId>(u64::MAX);
        assert_id::<SerialId>(u64::MAX);
    }
}
