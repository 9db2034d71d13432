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

/// Every version of the account tree within one block.
pub struct Versions {
    before: Roots,
    accounts: Forest,
    balances: Forest,
    delta: TreeDelta,
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
        let mut changes = Vec::new();
        let balance_reads: Vec<LeafId> =
            reads.iter().map(|&(account, token)| (TreeId::Balances(account), token)).collect();
        let balance_histories = self.balance_histories(updates, &mut changes)?;
        let balances = Forest::hash(self.view, &balance_reads, balance_histories)?;
        changes.extend(balances.changes());

        let account_reads: Vec<LeafId> =
            reads.iter().map(|&(account, _)| (TreeId::Accounts, account)).collect();
        let account_histories = self.account_histories(updates, &balances, &mut changes)?;
        let accounts = Forest::hash(self.view, &account_reads, account_histories)?;
        changes.extend(accounts.changes());

        let mut versions = Versions { before: self.roots, accounts, balances, delta: TreeDelta::default() };
        let roots = |roots: &Roots| Some(record::encode_pair(&[roots.root, roots.used_subtree]));
        let after = Roots {
            root: versions.root(Version::MAX),
            used_subtree: versions.accounts.history_of(USED_SUBTREE_DEPTH).unwrap_or(self.roots.used_subtree),
        };
        if after != self.roots {
            changes.push(Change { key: record::ROOTS.to_vec(), old: roots(&self.roots), new: roots(&after) });
        }
        versions.delta = TreeDelta { changes };
        Ok(versions)
    }

    /// The values each touched balance takes, hashed; updates that change nothing are left out.
    fn balance_histories(
        &self,
        updates: &[LeafUpdate],
        changes: &mut Vec<Change>,
    ) -> Result<Vec<(LeafId, History)>, TreeError> {
        let mut leaves: BTreeMap<(u32, u32), Vec<(Version, u128)>> = BTreeMap::new();
        for update in updates {
            push(leaves.entry((update.account, update.token)).or_default(), update.version, update.balance);
        }
        let mut values = Vec::new();
        let mut histories = Vec::new();
        for ((account, token), mut history) in leaves {
            let before = self.balance(account, token)?;
            drop_repeats(&mut history, &before);
            let Some(&(_, last)) = history.last() else { continue };
            let encode = |balance: u128| (balance != 0).then(|| balance.to_be_bytes().to_vec());
            if last != before {
                let key = record::balance_key(account, token);
                changes.push(Change { key, old: encode(before), new: encode(last) });
            }
            values.extend(history.iter().map(|(_, balance)| *balance));
            let versions: Vec<Version> = history.iter().map(|(version, _)| *version).collect();
            histories.push(((TreeId::Balances(account), token), versions));
        }
        Ok(with_hashes(histories, leaf::balance_leaf_hashes(&values)))
    }

    /// The values each touched account leaf takes, hashed.
    fn account_histories(
        &self,
        updates: &[LeafUpdate],
        balances: &Forest,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<(LeafId, History)>, TreeError> {
        let mut headers: BTreeMap<u32, Vec<(Version, AccountHeader)>> = BTreeMap::new();
        for update in updates {
            push(headers.entry(update.account).or_default(), update.version, update.header);
        }
        let nothing = AccountLeaf { header: AccountHeader::default(), balance_root: EMPTY_BALANCE[32] };
        let mut values = Vec::new();
        let mut histories = Vec::new();
        for (account, headers) in headers {
            let stored = self.account(account)?;
            let before = stored.unwrap_or(nothing);
            let roots = balances.roots(TreeId::Balances(account));
            let mut versions: Vec<Version> = headers
                .iter()
                .map(|(version, _)| *version)
                .chain(roots.iter().map(|(version, _)| *version))
                .collect();
            versions.sort_unstable();
            versions.dedup();
            let mut history: Vec<(Version, (AccountHeader, Fr))> = versions
                .into_iter()
                .map(|version| {
                    let header = latest(&headers, version).unwrap_or(before.header);
                    (version, (header, latest(roots, version).unwrap_or(before.balance_root)))
                })
                .collect();
            drop_repeats(&mut history, &(before.header, before.balance_root));
            let Some(&(_, (header, balance_root))) = history.last() else { continue };
            let after = AccountLeaf { header, balance_root };
            if after != before {
                let old = stored.as_ref().map(record::encode_account);
                let new = (after != nothing).then(|| record::encode_account(&after));
                changes.push(Change { key: record::account_key(account), old, new });
            }
            values.extend(history.iter().map(|(_, leaf)| *leaf));
            let versions: Vec<Version> = history.iter().map(|(version, _)| *version).collect();
            histories.push(((TreeId::Accounts, account), versions));
        }
        Ok(with_hashes(histories, leaf::account_leaf_hashes(&values)))
    }
}

impl Versions {
    /// Root of the account tree in a version.
    pub fn root(&self, version: Version) -> Fr {
        latest(self.accounts.roots(TreeId::Accounts), version).unwrap_or(self.before.root)
    }

    /// Root of the used subtree before the block (spec 01 §5.5).
    pub fn used_subtree_root_before(&self) -> Fr {
        self.before.used_subtree
    }

    /// The 32 siblings of an account leaf in a version, bottom-up.
    pub fn account_path(&self, account: u32, version: Version) -> [Fr; 32] {
        self.accounts.path(TreeId::Accounts, account, version)
    }

    /// The 32 siblings of a balance leaf in a version, bottom-up.
    pub fn balance_path(&self, account: u32, token: u32, version: Version) -> [Fr; 32] {
        self.balances.path(TreeId::Balances(account), token, version)
    }

    /// What the whole block changes in the stored tree.
    pub fn delta(&self) -> &TreeDelta {
        &self.delta
    }
}

impl Forest {
    /// The last value of the left-most node of a level of the account tree, if it changed at all.
    fn history_of(&self, level: usize) -> Option<Fr> {
        // Every account in use is below that node: it changed iff the root did.
        (!self.roots(TreeId::Accounts).is_empty()).then(|| self.at(TreeId::Accounts, level, 0, Version::MAX))
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

fn with_hashes(leaves: Vec<(LeafId, Vec<Version>)>, hashes: Vec<Fr>) -> Vec<(LeafId, History)> {
    let mut hashes = hashes.into_iter();
    leaves
        .into_iter()
        .map(|(leaf, versions)| (leaf, versions.into_iter().zip(hashes.by_ref()).collect()))
        .collect()
}

/// Root of an empty account tree.
pub fn empty_root() -> Fr {
    EMPTY_ACCOUNT[32]
}
