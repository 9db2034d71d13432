//! Every version of the account tree within a block: roots, paths and the change set.

use super::forest::Forest;
use super::history::{History, value_at};
use super::leaf::AccountLeaf;
use super::record::{self, Roots};
use super::shape::{DEPTH, TreeId, USED_SUBTREE_DEPTH, Version};
use super::source::{Change, ChangeSet};
use crate::crypto::Fr;

/// Every version of the account tree within a block, or within several consecutive blocks.
pub struct Versions {
    pub(super) before: Roots,
    pub(super) accounts: Forest,
    pub(super) balances: Forest,
    pub(super) balance_values: Vec<BalanceValues>,
    pub(super) leaf_values: Vec<Values<u32, AccountLeaf>>,
}

/// The values of a stored leaf: in version 0, and in each version in which it changes.
pub(super) struct Values<K, T> {
    pub(super) key: K,
    pub(super) before: T,
    pub(super) after: History<T>,
}

/// Values of a balance, by account and token.
pub(super) type BalanceValues = Values<(u32, u32), u128>;

impl<K, T: Copy> Values<K, T> {
    fn at(&self, version: Version) -> T {
        value_at(&self.after, version).unwrap_or(self.before)
    }

    pub(super) fn versions(&self) -> impl Iterator<Item = Version> {
        self.after.iter().map(|(version, _)| *version)
    }
}

impl Versions {
    /// Returns the root of the account tree in a version.
    pub fn root(&self, version: Version) -> Fr {
        value_at(self.accounts.roots(TreeId::Accounts), version).unwrap_or(self.before.root)
    }

    /// Returns the root of the used subtree in a version (docs/protocol/01-primitives.md §5.5).
    pub fn used_subtree_root(&self, version: Version) -> Fr {
        // All accounts in use are below this node, so it has changed if and only if the root has.
        match value_at(self.accounts.roots(TreeId::Accounts), version) {
            Some(_) => self.accounts.at(TreeId::Accounts, USED_SUBTREE_DEPTH, 0, version),
            None => self.before.used_subtree,
        }
    }

    /// Returns the 32 siblings of an account leaf in a version, bottom-up.
    pub fn account_path(&self, account: u32, version: Version) -> [Fr; DEPTH] {
        self.accounts.path(TreeId::Accounts, account, version)
    }

    /// Returns the 32 siblings of a balance leaf in a version, bottom-up.
    pub fn balance_path(&self, account: u32, token: u32, version: Version) -> [Fr; DEPTH] {
        self.balances.path(TreeId::Balances(account), token, version)
    }

    /// Returns the changes of the stored tree between the states of two versions.
    pub fn change_set(&self, from: Version, to: Version) -> ChangeSet {
        let mut changes = Vec::new();
        let mut push = |key: Vec<u8>, old: Option<Vec<u8>>, new: Option<Vec<u8>>| {
            if old != new {
                changes.push(Change { key, old, new });
            }
        };
        for values in &self.balance_values {
            let [old, new] = [from, to].map(|version| record::encode_balance(values.at(version)));
            push(record::balance_key(values.key.0, values.key.1), old, new);
        }
        for values in &self.leaf_values {
            let encode =
                |leaf: AccountLeaf| (leaf != AccountLeaf::default()).then(|| record::encode_account(&leaf));
            let [old, new] = [from, to].map(|version| encode(values.at(version)));
            push(record::account_key(values.key), old, new);
        }
        let [old, new] = [from, to].map(|version| {
            let roots = Roots { root: self.root(version), used_subtree: self.used_subtree_root(version) };
            Some(roots.encode())
        });
        push(record::ROOTS.to_vec(), old, new);
        changes.extend(self.balances.changes(from, to));
        changes.extend(self.accounts.changes(from, to));
        ChangeSet { changes }
    }
}
