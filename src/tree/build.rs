//! A tree from nothing: the genesis state, chunk by chunk.

use std::collections::HashMap;

use super::USED_SUBTREE_DEPTH;
use super::account_tree::{TreeError, Version};
use super::leaf::{self, AccountHeader, EMPTY_ACCOUNT, EMPTY_BALANCE};
use super::levels::{Forest, LeafId};
use super::record::{self, AccountLeaf, TreeId};
use super::source::{SourceError, TreeSource};
use crate::crypto::Fr;

/// An account to start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccount {
    /// Account id.
    pub id: u32,
    /// Nonce, key hash and address.
    pub header: AccountHeader,
    /// Balances by token, ascending; zero ones may be present.
    pub balances: Vec<(u32, u128)>,
}

/// The one version of a tree from nothing.
const ONLY: Version = 1;

/// Records of a stored tree, see [`record`].
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Builds a tree: accounts are added in chunks, each chunk gives its records; [`finish`](Self::finish) gives the rest.
///
/// Equal sets of balances within a chunk are hashed once.
#[derive(Default)]
pub struct TreeBuilder {
    leaves: Vec<(u32, Fr)>,
}

impl TreeBuilder {
    /// Hashes some accounts; any order, each id once.
    ///
    /// # Errors
    /// None in practice: nothing is read.
    pub fn add(&mut self, accounts: &[InitialAccount]) -> Result<Records, TreeError> {
        let balances: Vec<Vec<(u32, u128)>> = accounts
            .iter()
            .map(|account| account.balances.iter().copied().filter(|(_, balance)| *balance != 0).collect())
            .collect();
        let mut representatives: HashMap<&[(u32, u128)], u32> = HashMap::new();
        for (slot, set) in balances.iter().enumerate() {
            representatives.entry(set).or_insert(slot as u32);
        }
        let forest = hash_sets(&balances, &representatives)?;
        let mut branches: HashMap<u32, Records> = HashMap::new();
        for change in forest.changes(0, ONLY) {
            if let (Some(slot), Some(value)) = (change.key.get(1..5), change.new) {
                let slot = u32::from_be_bytes(slot.try_into().unwrap_or_default());
                branches.entry(slot).or_default().push((change.key, value));
            }
        }

        let mut records = Records::new();
        let mut kept = Vec::new();
        for (account, set) in accounts.iter().zip(&balances) {
            let slot = representatives[set.as_slice()];
            let root =
                forest.roots(TreeId::Balances(slot)).last().map_or(EMPTY_BALANCE[32], |(_, root)| *root);
            if account.header == AccountHeader::default() && set.is_empty() {
                continue;
            }
            kept.push((account.id, (account.header, root)));
            let stored = AccountLeaf { header: account.header, balance_root: root };
            records.push((record::account_key(account.id), record::encode_account(&stored)));
            for &(token, balance) in set {
                records.push((record::balance_key(account.id, token), balance.to_be_bytes().to_vec()));
            }
            for (key, value) in branches.get(&slot).into_iter().flatten() {
                let mut key = key.clone();
                key[1..5].copy_from_slice(&account.id.to_be_bytes());
                records.push((key, value.clone()));
            }
        }
        let leaves: Vec<(AccountHeader, Fr)> = kept.iter().map(|(_, leaf)| *leaf).collect();
        let ids = kept.iter().map(|(id, _)| *id);
        self.leaves.extend(ids.zip(leaf::account_leaf_hashes(&leaves)));
        Ok(records)
    }

    /// Hashes the account tree above all leaves; gives the remaining records and the root.
    ///
    /// # Errors
    /// None in practice: nothing is read.
    pub fn finish(self) -> Result<(Records, Fr), TreeError> {
        let leaves =
            self.leaves.iter().map(|(id, hash)| ((TreeId::Accounts, *id), vec![(ONLY, *hash)])).collect();
        let forest = Forest::hash(&Nothing, &[], leaves)?;
        let mut records: Records = forest
            .changes(0, ONLY)
            .into_iter()
            .filter_map(|change| Some((change.key, change.new?)))
            .collect();
        let root = forest.roots(TreeId::Accounts).last().map_or(EMPTY_ACCOUNT[32], |(_, root)| *root);
        let used_subtree = forest.at(TreeId::Accounts, USED_SUBTREE_DEPTH, 0, ONLY);
        records.push((record::ROOTS.to_vec(), record::encode_pair(&[root, used_subtree])));
        Ok((records, root))
    }
}

/// Hashes each distinct set of balances as the tree of the first slot that has it.
fn hash_sets(
    balances: &[Vec<(u32, u128)>],
    representatives: &HashMap<&[(u32, u128)], u32>,
) -> Result<Forest, TreeError> {
    let mut ids: Vec<LeafId> = Vec::new();
    let mut values = Vec::new();
    for (slot, set) in balances.iter().enumerate() {
        if representatives[set.as_slice()] == slot as u32 {
            for &(token, balance) in set {
                ids.push((TreeId::Balances(slot as u32), token));
                values.push(balance);
            }
        }
    }
    let hashes = leaf::balance_leaf_hashes(&values);
    let leaves = ids.into_iter().zip(hashes).map(|(id, hash)| (id, vec![(ONLY, hash)])).collect();
    Ok(Forest::hash(&Nothing, &[], leaves)?)
}

/// An empty tree.
struct Nothing;

impl TreeSource for Nothing {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(None)
    }
    fn first_in(&self, _: &[u8], _: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, SourceError> {
        Ok(None)
    }
    fn last_in(&self, _: &[u8], _: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, SourceError> {
        Ok(None)
    }
    fn range(&self, _: &[u8], _: &[u8], _: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, SourceError> {
        Ok(Vec::new())
    }
}
