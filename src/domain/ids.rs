//! Integer identifiers and the protocol's fixed numbers (spec 01 §1).

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
    /// Index of a leaf of a balance tree: a fungible token, or an NFT from [`MIN_NFT_TOKEN_ID`] on.
    TokenId
}
id! {
    /// Number of transactions an account has sent.
    Nonce
}
id! {
    /// Number of a block; 0 is genesis.
    BlockNumber
}

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
