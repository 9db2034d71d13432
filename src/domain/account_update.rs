//! Account updates of a block (docs/protocol/02-types-json.md §7).

use crate::domain::account::Nft;
use crate::domain::amount;
use crate::domain::hex_types::{Address, PubKeyHash};
use crate::domain::ids::{AccountId, Nonce, TokenId};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A change of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountUpdate {
    /// The account is created.
    Create {
        /// Address of the new account.
        address: Address,
        /// Its nonce.
        nonce: Nonce,
    },
    /// The account is deleted.
    Delete {
        /// Address before.
        address: Address,
        /// Nonce before.
        nonce: Nonce,
    },
    /// A balance and possibly the nonce change.
    UpdateBalance {
        /// Nonce before.
        old_nonce: Nonce,
        /// Nonce after.
        new_nonce: Nonce,
        /// Token, balance before and balance after.
        #[serde(with = "amount::update")]
        balance_update: (TokenId, BigUint, BigUint),
    },
    /// The signing key changes.
    ChangePubKeyHash {
        /// Key hash before.
        old_pub_key_hash: PubKeyHash,
        /// Key hash after.
        new_pub_key_hash: PubKeyHash,
        /// Nonce before.
        old_nonce: Nonce,
        /// Nonce after.
        new_nonce: Nonce,
    },
    /// The account creates an NFT.
    MintNFT {
        /// The NFT.
        token: Nft,
        /// Nonce of the creator before the transaction.
        nonce: Nonce,
    },
    /// The reversal of `MintNFT`.
    RemoveNFT {
        /// The NFT.
        token: Nft,
        /// Nonce of the creator before the transaction.
        nonce: Nonce,
    },
}

impl AccountUpdate {
    /// Returns the token whose balance changes.
    pub(crate) fn token(&self) -> Option<TokenId> {
        match self {
            Self::UpdateBalance { balance_update: (token, ..), .. } => Some(*token),
            _ => None,
        }
    }

    /// Returns the change that undoes this one.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Create { address, nonce } => Self::Delete { address, nonce },
            Self::Delete { address, nonce } => Self::Create { address, nonce },
            Self::UpdateBalance { old_nonce, new_nonce, balance_update: (token, old, new) } => {
                Self::UpdateBalance {
                    old_nonce: new_nonce,
                    new_nonce: old_nonce,
                    balance_update: (token, new, old),
                }
            }
            Self::ChangePubKeyHash { old_pub_key_hash, new_pub_key_hash, old_nonce, new_nonce } => {
                Self::ChangePubKeyHash {
                    old_pub_key_hash: new_pub_key_hash,
                    new_pub_key_hash: old_pub_key_hash,
                    old_nonce: new_nonce,
                    new_nonce: old_nonce,
                }
            }
            Self::MintNFT { token, nonce } => Self::RemoveNFT { token, nonce },
            Self::RemoveNFT { token, nonce } => Self::MintNFT { token, nonce },
        }
    }
}

/// Changes in the order in which they took effect.
pub(crate) type AccountUpdates = Vec<(AccountId, AccountUpdate)>;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn json_equals_the_specification() {
        let text = r#"[[3,{"Create":{"address":"0x0000000000000000000000000000000000000001","nonce":0}}],[3,{"UpdateBalance":{"old_nonce":0,"new_nonce":0,"balance_update":[0,[],[0,1]]}}]]"#;
        let updates: AccountUpdates = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&updates).unwrap(), text);
        let AccountUpdate::UpdateBalance { balance_update, .. } = &updates[1].1 else { panic!() };
        assert_eq!(balance_update.2, BigUint::from(1u64 << 32));
    }
}
