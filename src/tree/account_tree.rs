//! The account tree with its balance trees at the end of a block: reads leaves, applies the leaf
//! updates of the next block.

use std::collections::BTreeMap;

use super::error::TreeError;
use super::forest::Forest;
use super::history::{self, History, value_at};
use super::leaf::{self, AccountHeader, AccountLeaf};
use super::record::{self, Roots};
use super::shape::{LeafId, TreeId, Version};
use super::source::{Entry, TreeSource};
use super::versions::{BalanceValues, Values, Versions};
use super::view::TreeView;
use crate::crypto::Fr;

/// One leaf update: new values of an account header and of one balance of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafUpdate {
    /// First version with the new values; at least 1, and never descending within a block.
    pub version: Version,
    /// Account id.
    pub account: u32,
    /// Token id.
    pub token: u32,
    /// New header of the account.
    pub header: AccountHeader,
    /// New balance of the account in that token.
    pub balance: u128,
}

/// A read-only account tree at the end of a block.
pub struct AccountTree<'a> {
    view: &'a TreeView,
    roots: Roots,
}

impl<'a> AccountTree<'a> {
    /// Opens the tree that `view` shows. Reads one record.
    ///
    /// # Errors
    /// [`TreeError::Empty`] before a genesis is imported.
    pub fn open(view: &'a TreeView) -> Result<Self, TreeError> {
        let bytes = view.get(record::ROOTS)?.ok_or(TreeError::Empty)?;
        Ok(Self { view, roots: Roots::decode(&bytes)? })
    }

    /// Returns the root of the account tree.
    pub fn root(&self) -> Fr {
        self.roots.root
    }

    /// Returns an account leaf, or `None` if it is the default leaf.
    pub(crate) fn account(&self, account: u32) -> Result<Option<AccountLeaf>, TreeError> {
        let bytes = self.view.get(&record::account_key(account))?;
        Ok(bytes.map(|bytes| record::decode_account(&bytes)).transpose()?)
    }

    /// Returns the balance of an account in a token, 0 if none is stored.
    pub(crate) fn balance(&self, account: u32, token: u32) -> Result<u128, TreeError> {
        let bytes = self.view.get(&record::balance_key(account, token))?;
        Ok(bytes.map(|bytes| record::decode_balance(&bytes)).transpose()?.unwrap_or(0))
    }

    /// Returns the balances other than zero of an account in tokens `0..tokens`, by ascending
    /// token.
    pub(crate) fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, TreeError> {
        let (from, to) = (record::balance_key(account, 0), record::balance_key(account, tokens));
        let entries = self.view.range(&from, &to, tokens as usize)?;
        let decode = |(key, value): &Entry| Ok((record::leaf_index(key)?, record::decode_balance(value)?));
        entries.iter().map(decode).collect()
    }

    /// Computes every version of the tree through `updates`. `reads` holds further (account, token)
    /// pairs whose paths can be read.
    ///
    /// # Errors
    /// If the stored tree cannot be read.
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
        let values: Vec<AccountLeaf> = changed(&leaf_values).collect();
        let leaves = leaf_values.iter().map(|values| ((TreeId::Accounts, values.key), values.versions()));
        let histories = with_hashes(leaves, leaf::account_leaf_hashes(&values));
        let account_reads: Vec<LeafId> =
            reads.iter().map(|&(account, _)| (TreeId::Accounts, account)).collect();
        let accounts = Forest::hash(self.view, &account_reads, histories)?;
        Ok(Versions { before: self.roots, accounts, balances, balance_values, leaf_values })
    }

    /// Returns the values of each touched balance. Balances that do not change are left out.
    fn balance_values(&self, updates: &[LeafUpdate]) -> Result<Vec<BalanceValues>, TreeError> {
        let mut leaves: BTreeMap<(u32, u32), History<u128>> = BTreeMap::new();
        for update in updates {
            let history = leaves.entry((update.account, update.token)).or_default();
            history::append(history, update.version, update.balance);
        }
        let values = leaves.into_iter().map(|(key, mut after)| {
            let before = self.balance(key.0, key.1)?;
            history::drop_repeats(&mut after, &before);
            Ok(Values { key, before, after })
        });
        values.filter(|values| values.as_ref().map_or(true, |values| !values.after.is_empty())).collect()
    }

    /// Returns the values of each touched account leaf. Leaves that do not change are left out.
    fn leaf_values(
        &self,
        updates: &[LeafUpdate],
        balances: &Forest,
    ) -> Result<Vec<Values<u32, AccountLeaf>>, TreeError> {
        let mut headers: BTreeMap<u32, History<AccountHeader>> = BTreeMap::new();
        for update in updates {
            history::append(headers.entry(update.account).or_default(), update.version, update.header);
        }
        let mut all = Vec::with_capacity(headers.len());
        for (account, headers) in headers {
            let before = self.account(account)?.unwrap_or_default();
            let roots = balances.roots(TreeId::Balances(account));
            let header_versions = headers.iter().map(|(version, _)| *version);
            let versions =
                history::distinct(header_versions.chain(roots.iter().map(|(version, _)| *version)));
            let mut after: History<AccountLeaf> = versions
                .into_iter()
                .map(|version| {
                    let header = value_at(&headers, version).unwrap_or(before.header);
                    let balance_root = value_at(roots, version).unwrap_or(before.balance_root);
                    (version, AccountLeaf { header, balance_root })
                })
                .collect();
            history::drop_repeats(&mut after, &before);
            if !after.is_empty() {
                all.push(Values { key: account, before, after });
            }
        }
        Ok(all)
    }
}

/// Returns all new values, in the order of the items and of their versions.
fn changed<K, T: Copy>(values: &[Values<K, T>]) -> impl Iterator<Item = T> {
    values.iter().flat_map(|values| values.after.iter().map(|(_, value)| *value))
}

/// Pairs the versions of each leaf with the hashes of its new values.
fn with_hashes(
    leaves: impl Iterator<Item = (LeafId, impl Iterator<Item = Version>)>,
    hashes: Vec<Fr>,
) -> Vec<(LeafId, History<Fr>)> {
    let mut hashes = hashes.into_iter();
    leaves.map(|(leaf, versions)| (leaf, versions.zip(hashes.by_ref()).collect())).collect()
}
