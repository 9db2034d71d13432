//! Changes of accounts, as a block carries them (spec 02 §7).

use super::{Account, AccountId, AccountMap, Address, Nft, Nonce, PubKeyHash, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// One change of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountUpdate {
    /// The account appears.
    Create {
        /// Address of the new account.
        address: Address,
        /// Its nonce.
        nonce: Nonce,
    },
    /// The account disappears.
    Delete {
        /// Address it had.
        address: Address,
        /// Nonce it had.
        nonce: Nonce,
    },
    /// A balance and possibly the nonce change.
    UpdateBalance {
        /// Nonce before.
        old_nonce: Nonce,
        /// Nonce after.
        new_nonce: Nonce,
        /// Token, balance before, balance after.
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
    /// The account created an NFT.
    MintNFT {
        /// The NFT.
        token: Nft,
        /// Nonce of the creator before the transaction.
        nonce: Nonce,
    },
    /// Reversal of `MintNFT`.
    RemoveNFT {
        /// The NFT.
        token: Nft,
        /// Nonce of the creator before the transaction.
        nonce: Nonce,
    },
}

/// Changes in the order in which they happened.
pub type AccountUpdates = Vec<(AccountId, AccountUpdate)>;

impl AccountUpdate {
    /// The change that undoes this one.
    pub fn reversed(self) -> Self {
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

    /// Applies the change and says whether it fitted: `false` (and nothing done) for a creation of what exists or a
    /// change of what does not. Old values are not compared.
    pub fn apply(&self, id: AccountId, accounts: &mut AccountMap) -> bool {
        match self {
            Self::Create { address, nonce } => {
                let vacant = !accounts.contains_key(&id);
                if vacant {
                    accounts.insert(id, Account { address: *address, nonce: *nonce, ..Account::default() });
                }
                vacant
            }
            Self::Delete { .. } => accounts.remove(&id).is_some(),
            _ => accounts.get_mut(&id).map(|account| self.change(account)).is_some(),
        }
    }

    fn change(&self, account: &mut Account) {
        match self {
            Self::UpdateBalance { new_nonce, balance_update: (token, _, new), .. } => {
                account.balances.insert(*token, new.clone());
                account.nonce = *new_nonce;
            }
            Self::ChangePubKeyHash { new_pub_key_hash, new_nonce, .. } => {
                account.pub_key_hash = *new_pub_key_hash;
                account.nonce = *new_nonce;
            }
            Self::MintNFT { token, .. } => {
                account.minted_nfts.insert(token.id, token.clone());
            }
            Self::RemoveNFT { token, .. } => {
                account.minted_nfts.remove(&token.id);
            }
            Self::Create { .. } | Self::Delete { .. } => {}
        }
    }
}

/// The changes that undo `updates`, last first.
pub fn reversed_updates(updates: AccountUpdates) -> AccountUpdates {
    updates.into_iter().rev().map(|(id, update)| (id, update.reversed())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn json_is_as_specified() {
        let text = r#"[[3,{"Create":{"address":"0x0000000000000000000000000000000000000001","nonce":0}}],[3,{"UpdateBalance":{"old_nonce":0,"new_nonce":0,"balance_update":[0,[],[0,1]]}}]]"#;
        let updates: AccountUpdates = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&updates).unwrap(), text);
        let AccountUpdate::UpdateBalance { balance_update, .. } = &updates[1].1 else { panic!() };
        assert_eq!(balance_update.2, BigUint::from(1u64 << 32));
    }

    #[test]
    fn undoing_restores_the_state() {
        let updates: AccountUpdates = vec![
            (AccountId(3), AccountUpdate::Create { address: Address([1; 20]), nonce: Nonce(0) }),
            (
                AccountId(3),
                AccountUpdate::UpdateBalance {
                    old_nonce: Nonce(0),
                    new_nonce: Nonce(1),
                    balance_update: (TokenId(5), 0u8.into(), 9u8.into()),
                },
            ),
            (
                AccountId(3),
                AccountUpdate::ChangePubKeyHash {
                    old_pub_key_hash: PubKeyHash::default(),
                    new_pub_key_hash: PubKeyHash([2; 20]),
                    old_nonce: Nonce(1),
                    new_nonce: Nonce(2),
                },
            ),
        ];
        let mut accounts = AccountMap::new();
        for (id, update) in &updates {
            assert!(update.apply(*id, &mut accounts));
        }
        let account = &accounts[&AccountId(3)];
        assert_eq!((account.balance(TokenId(5)), account.nonce), (9u8.into(), Nonce(2)));
        assert!(!updates[0].1.apply(AccountId(3), &mut accounts));
        assert!(!updates[1].1.apply(AccountId(4), &mut accounts));
        for (id, update) in reversed_updates(updates) {
            assert!(update.apply(id, &mut accounts));
        }
        assert!(accounts.is_empty());
    }
}
