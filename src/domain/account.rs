//! Accounts in the JSON of genesis and of account updates (docs/protocol/02-types-json.md §7).

use crate::domain::amount;
use crate::domain::hex_types::{Address, H256, PubKeyHash};
use crate::domain::ids::{AccountId, Nonce, TokenId};
use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State of one account. Equality ignores zero balances.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Account {
    /// Hash of the account's signing key; zero while the account is locked.
    pub pub_key_hash: PubKeyHash,
    /// Address of the owner.
    pub address: Address,
    /// Balances by token; explicit zeros may be present.
    #[serde(with = "amount::map")]
    pub balances: BTreeMap<TokenId, BigUint>,
    /// Nonce of the next transaction.
    pub nonce: Nonce,
    /// NFTs created by this account, by token id.
    pub minted_nfts: BTreeMap<TokenId, Nft>,
}

impl Account {
    /// Returns the balance in a token, 0 if it has none. Balances have at most 128 bits in the
    /// protocol; a larger one counts as 2^128 - 1.
    pub(crate) fn balance(&self, token: TokenId) -> u128 {
        self.balances.get(&token).map_or(0, |balance| balance.to_u128().unwrap_or(u128::MAX))
    }

    fn nonzero_balances(&self) -> impl Iterator<Item = (&TokenId, &BigUint)> {
        self.balances.iter().filter(|(_, amount)| !amount.is_zero())
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.pub_key_hash == other.pub_key_hash
            && self.address == other.address
            && self.nonce == other.nonce
            && self.minted_nfts == other.minted_nfts
            && self.nonzero_balances().eq(other.nonzero_balances())
    }
}

impl Eq for Account {}

/// Accounts by id; JSON is an object with decimal keys.
pub type AccountMap = BTreeMap<AccountId, Account>;

/// A minted NFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nft {
    /// Token id.
    pub id: TokenId,
    /// Number of the NFT among those of its creator.
    pub serial_id: u32,
    /// Address of the creator.
    pub creator_address: Address,
    /// Id of the creator.
    pub creator_id: AccountId,
    /// Address derived from the content (docs/protocol/03-operations.md §12).
    pub address: Address,
    /// Symbol, by default `NFT-<id>`.
    pub symbol: String,
    /// Hash of the content.
    pub content_hash: H256,
}
