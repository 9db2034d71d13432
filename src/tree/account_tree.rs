//! Balance trees and account tree together: apply the leaf updates of a block, then read any version.

use std::collections::BTreeMap;

use thiserror::Error;

use super::leaf::{self, AccountHeader, EMPTY_ACCOUNT, EMPTY_BALANCE};
use super::levels::{Forest, History, LeafId};
use super::record::{self, AccountLeaf, Roots, TreeId};
use super::source::{Change, SourceError, TreeDelta, TreeSource};
use super::{TreeView, USED_SUBTREE_DEPTH};
use crate::crypto::Fr;

/// An index into the sequence of leaf updates of a block: version 0 is the state before it, version `v` the state
/// after all updates that carry a version up to `v`.
pub type Version = u32;

/// One leaf update: the account and one of its balances take these values from this version on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafUpdate {
    /// First version with the new values; at least 1, never descending within a block.
    pub version: Version,
    /// Account id.
    pub account: u32,
    /// Token id.
    pub token: u32,
    /// The account's new header.
    pub header: AccountHeader,
    /// The account's new balance in that token.
    pub balance: u128,
}

/// Why a tree could not be read or updated.
#[derive(Debug, Error)]
pub enum TreeError {
    /// The stored tree could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no stored tree.
    #[error("there is no account tree yet; import the genesis first")]
    Empty,
    /// An account was added to a new tree behind its place.
    #[error("account {account} comes out of order: a tree is built by ascending ids below 16777216")]
    Order {
        /// The account.
        account: u32,
    },
}

/// A read-only account tree at the end of some block.
pub struct AccountTree<'a> {
    view: &'a TreeView,
    roots: Roots,
}

/// Every version of the account tree within one block, or within several in a row.
pub struct Versions {
    before: Roots,
    accounts: Forest,
    balances: Forest,
    balance_values: Vec<BalanceValues>,
    leaf_values: Vec<Values<u32, AccountLeaf>>,
}

/// What a stored value is before the first version, and from each version on in which it changes.
struct Values<K, T> {
    key: K,
    before: T,
    after: Vec<(Version, T)>,
}

/// Values of a balance, by account and token.
type BalanceValues = Values<(u32, u32), u128>;

impl<K, T: Copy> Values<K, T> {
    fn at(&self, version: Version) -> T {
        latest(&self.after, version).unwrap_or(self.before)
    }

    fn versions(&self) -> Vec<Version> {
        self.after.iter().map(|(version, _)| *version).collect()
    }
}

impl<'a> AccountTree<'a> {
    /// Opens the tree that `view` shows; reads one record.
    ///
    /// # Errors
    /// [`TreeError::Empty`] before a genesis was imported.
    pub fn open(view: &'a TreeView) -> Result<Self, TreeError> {
        let bytes = view.get(record::ROOTS)?.ok_or(TreeError::Empty)?;
        let [root, used_subtree] = record::decode_pair(&bytes)?;
        Ok(Self { view, roots: Roots { root, used_subtree } })
    }

    /// Root of the account tree.
    pub fn root(&self) -> Fr {
        self.roots.root
    }

    /// Header of an account; `None` when its leaf is the default leaf.
    ///
    /// # Errors
    /// When the stored tree cannot be read.
    pub fn account(&self, account: u32) -> Result<Option<AccountLeaf>, TreeError> {
        let bytes = self.view.get(&record::account_key(account))?;
        Ok(bytes.map(|bytes| record::decode_account(&bytes)).transpose()?)
    }

    /// Balance of an account in a token, 0 when there is none.
    ///
    /// # Errors
    /// When the stored tree cannot be read.
    pub fn balance(&self, account: u32, token: u32) -> Result<u128, TreeError> {
        let bytes = self.view.get(&record::balance_key(account, token))?;
        Ok(bytes.map(|bytes| record::decode_balance(&bytes)).transpose()?.unwrap_or(0))
    }

    /// Balances other than zero of an account in tokens `0..tokens`, ascending.
    ///
    /// # Errors
    /// When the stored tree cannot be read.
    pub fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, TreeError> {
        let (from, to) = (record::balance_key(account, 0), record::balance_key(account, tokens));
        let entries = self.view.range(&from, &to, tokens as usize)?;
        let decode = |(key, value): &(Vec<u8>, Vec<u8>)| {
            Ok((record::leaf_index(key)?, record::decode_balance(value)?))
        };
        entries.iter().map(decode).collect()
    }

    /// Computes every version of the tree through `updates`; `reads` are further (account, token) pairs whose paths are wanted.
    ///
    /// # Errors
    /// When the stored tree cannot be read.
    pub fn apply(&self, updates: &[LeafUpdate], reads: &[(u32, u32)]) -> Result<Versions, TreeError> {
        let balance_values = self.balance_values(updates)?;
        let values: Vec<u128> = changed(&balance_values).collect();
        let leaves = balance_values
            .iter()
            .map(|values| ((TreeId::Balances(values.key.0), values.key.1), values.versions()));
        let histories = with_hashes(leaves, leaf::balance_leaf_hashes(&values));
        let balance_reads: Vec<LeafId> =
            reads.iter().map(|&(account, token)| (TreeId::Balances(account), token)).collect();
        let balances = Forest::hash(self.view, &balance_reads, histories)?;

        let leaf_values = self.leaf_values(updates, &balances)?;
        let values: Vec<(AccountHeader, Fr)> =
            changed(&leaf_values).map(|leaf| (leaf.header, leaf.balance_root)).collect();
        let leaves = leaf_values.iter().map(|values| ((TreeId::Accounts, values.key), values.versions()));
        let histories = with_hashes(leaves, leaf::account_leaf_hashes(&values));
        let account_reads: Vec<LeafId> =
            reads.iter().map(|&(account, _)| (TreeId::Accounts, account)).collect();
        let accounts = Forest::hash(self.view, &account_reads, histories)?;
        Ok(Versions { before: self.roots, accounts, balances, balance_values, leaf_values })
    }

    /// The values each touched balance takes; updates that change nothing are left out.
    fn balance_values(&self, updates: &[LeafUpdate]) -> Result<Vec<BalanceValues>, TreeError> {
        let mut leaves: BTreeMap<(u32, u32), Vec<(Version, u128)>> = BTreeMap::new();
        for update in updates {
            push(leaves.entry((update.account, update.token)).or_default(), update.version, update.balance);
        }
        let values = leaves.into_iter().map(|(key, mut after)| {
            let before = self.balance(key.0, key.1)?;
            drop_repeats(&mut after, &before);
            Ok(Values { key, before, after })
        });
        values.filter(|values| values.as_ref().map_or(true, |values| !values.after.is_empty())).collect()
    }

    /// The values each touched account leaf takes.
    fn leaf_values(
        &self,
        updates: &[LeafUpdate],
        balances: &Forest,
    ) -> Result<Vec<Values<u32, AccountLeaf>>, TreeError> {
        let mut headers: BTreeMap<u32, Vec<(Version, AccountHeader)>> = BTreeMap::new();
        for update in updates {
            push(headers.entry(update.account).or_default(), update.version, update.header);
        }
        let mut all = Vec::with_capacity(headers.len());
        for (account, headers) in headers {
            let before = self.account(account)?.unwrap_or_else(nothing);
            let roots = balances.roots(TreeId::Balances(account));
            let mut versions: Vec<Version> = headers
                .iter()
                .map(|(version, _)| *version)
                .chain(roots.iter().map(|(version, _)| *version))
                .collect();
            versions.sort_unstable();
            versions.dedup();
            let mut after: Vec<(Version, AccountLeaf)> = versions
                .into_iter()
                .map(|version| {
                    let header = latest(&headers, version).unwrap_or(before.header);
                    let balance_root = latest(roots, version).unwrap_or(before.balance_root);
                    (version, AccountLeaf { header, balance_root })
                })
                .collect();
            drop_repeats(&mut after, &before);
            if !after.is_empty() {
                all.push(Values { key: account, before, after });
            }
        }
        Ok(all)
    }
}

/// The default account leaf, which is not stored.
fn nothing() -> AccountLeaf {
    AccountLeaf { header: AccountHeader::default(), balance_root: EMPTY_BALANCE[32] }
}

/// Everything that values change to, in their order.
fn changed<K, T: Copy>(values: &[Values<K, T>]) -> impl Iterator<Item = T> {
    values.iter().flat_map(|values| values.after.iter().map(|(_, value)| *value))
}

impl Versions {
    /// Root of the account tree in a version.
    pub fn root(&self, version: Version) -> Fr {
        latest(self.accounts.roots(TreeId::Accounts), version).unwrap_or(self.before.root)
    }

    /// Root of the used subtree in a version (spec 01 §5.5).
    pub fn used_subtree_root(&self, version: Version) -> Fr {
        // Every account in use is below that node: it has changed iff the root has.
        match latest(self.accounts.roots(TreeId::Accounts), version) {
            Some(_) => self.accounts.at(TreeId::Accounts, USED_SUBTREE_DEPTH, 0, version),
            None => self.before.used_subtree,
        }
    }

    /// The 32 siblings of an account leaf in a version, bottom-up.
    pub fn account_path(&self, account: u32, version: Version) -> [Fr; 32] {
        self.accounts.path(TreeId::Accounts, account, version)
    }

    /// The 32 siblings of a balance leaf in a version, bottom-up.
    pub fn balance_path(&self, account: u32, token: u32, version: Version) -> [Fr; 32] {
        self.balances.path(TreeId::Balances(account), token, version)
    }

    /// What the updates of the versions after `from` and up to `to` change in the stored tree.
    pub fn delta(&self, from: Version, to: Version) -> TreeDelta {
        let mut changes = Vec::new();
        let mut push = |key: Vec<u8>, old: Option<Vec<u8>>, new: Option<Vec<u8>>| {
            if old != new {
                changes.push(Change { key, old, new });
            }
        };
        for values in &self.balance_values {
            let [old, new] = [from, to].map(|version| values.at(version));
            let encode = |balance: u128| (balance != 0).then(|| balance.to_be_bytes().to_vec());
            push(record::balance_key(values.key.0, values.key.1), encode(old), encode(new));
        }
        for values in &self.leaf_values {
            let [old, new] = [from, to].map(|version| values.at(version));
            let encode = |leaf: AccountLeaf| (leaf != nothing()).then(|| record::encode_account(&leaf));
            push(record::account_key(values.key), encode(old), encode(new));
        }
        let roots =
            |version| Some(record::encode_pair(&[self.root(version), self.used_subtree_root(version)]));
        push(record::ROOTS.to_vec(), roots(from), roots(to));
        changes.extend(self.balances.changes(from, to));
        changes.extend(self.accounts.changes(from, to));
        TreeDelta { changes }
    }
}

/// Appends a value, or replaces the last one of the same version (several updates of one leaf within a version).
fn push<T>(history: &mut Vec<(Version, T)>, version: Version, value: T) {
    match history.last_mut() {
        Some(last) if last.0 == version => last.1 = value,
        _ => history.push((version, value)),
    }
}

/// Keeps only the versions in which the value differs from the one before.
fn drop_repeats<T: PartialEq + Copy>(history: &mut Vec<(Version, T)>, before: &T) {
    let mut current = *before;
    history.retain(|(_, value)| std::mem::replace(&mut current, *value) != *value);
}

fn latest<T: Copy>(history: &[(Version, T)], version: Version) -> Option<T> {
    let after = history.partition_point(|(from, _)| *from <= version);
    after.checked_sub(1).map(|last| history[last].1)
}

fn with_hashes(
    leaves: impl Iterator<Item = (LeafId, Vec<Version>)>,
    hashes: Vec<Fr>,
) -> Vec<(LeafId, History)> {
    let mut hashes = hashes.into_iter();
    leaves.map(|(leaf, versions)| (leaf, versions.into_iter().zip(hashes.by_ref()).collect())).collect()
}

/// Root of an empty account tree.
pub fn empty_root() -> Fr {
    EMPTY_ACCOUNT[32]
}
