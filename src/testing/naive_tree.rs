//! A sequential account tree: each leaf update rehashes one path with `rescue_hash` of
//! franklin-crypto. Tests and benchmarks compare the account tree with it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::crypto::naive_hash::hash;
use crate::crypto::{Fr, bits, fr};
use crate::tree::build::InitialAccount;
use crate::tree::{AccountHeader, AccountLeaf, batch, leaf};

/// A sparse Merkle tree of depth 32 that stores every node on a path of a leaf.
#[derive(Clone)]
pub(crate) struct NaiveTree {
    nodes: HashMap<(usize, u32), Fr>,
    empty: Vec<Fr>,
}

impl NaiveTree {
    /// Creates an empty tree with the given default leaf.
    pub(crate) fn new(default_leaf: Fr) -> Self {
        let mut empty = vec![default_leaf];
        for height in 0..32 {
            empty.push(hash(&[empty[height], empty[height]]));
        }
        Self { nodes: HashMap::new(), empty }
    }

    fn node(&self, level: usize, index: u32) -> Fr {
        self.nodes.get(&(level, index)).copied().unwrap_or(self.empty[level])
    }

    /// Sets the hash of a leaf and rehashes its path.
    pub(crate) fn set(&mut self, leaf: u32, leaf_hash: Fr) {
        self.nodes.insert((0, leaf), leaf_hash);
        let mut index = leaf;
        for level in 1..=32 {
            index >>= 1;
            let parent = hash(&[self.node(level - 1, index << 1), self.node(level - 1, index << 1 | 1)]);
            self.nodes.insert((level, index), parent);
        }
    }

    /// Sets the hashes of several leaves and rehashes each node once, in batches. Used for large
    /// initial states.
    pub(crate) fn fill(&mut self, leaves: impl IntoIterator<Item = (u32, Fr)>) {
        let mut touched: Vec<u32> = Vec::new();
        for (leaf, hash) in leaves {
            self.nodes.insert((0, leaf), hash);
            touched.push(leaf);
        }
        for level in 1..=32 {
            touched.iter_mut().for_each(|index| *index >>= 1);
            touched.sort_unstable();
            touched.dedup();
            let children = |&index: &u32| [0, 1].map(|side| self.node(level - 1, index << 1 | side));
            let pairs: Vec<[Fr; 2]> = touched.iter().map(children).collect();
            let parents = batch::compress_all(&pairs);
            self.nodes.extend(touched.iter().map(|&index| (level, index)).zip(parents));
        }
    }

    pub(crate) fn root(&self) -> Fr {
        self.node(32, 0)
    }

    /// Returns the 32 siblings of a leaf, bottom-up.
    pub(crate) fn path(&self, leaf: u32) -> Vec<Fr> {
        (0..32).map(|level| self.node(level, (leaf >> level) ^ 1)).collect()
    }
}

/// An account tree over balance trees that is updated one leaf at a time.
#[derive(Clone)]
pub struct NaiveAccountTree {
    accounts: NaiveTree,
    headers: HashMap<u32, AccountHeader>,
    balances: HashMap<u32, Arc<NaiveTree>>,
    empty_balances: Arc<NaiveTree>,
}

impl Default for NaiveAccountTree {
    fn default() -> Self {
        let empty_balances = Arc::new(NaiveTree::new(hash(&[fr::from_u64(0)])));
        let leaf = leaf_hash(&AccountHeader::default(), &empty_balances.root());
        Self {
            accounts: NaiveTree::new(leaf),
            headers: HashMap::new(),
            balances: HashMap::new(),
            empty_balances,
        }
    }
}

fn leaf_hash(header: &AccountHeader, balance_root: &Fr) -> Fr {
    let state_root = hash(&[*balance_root, fr::from_u64(0)]);
    let mut leaf: Vec<bool> = (0..32).map(|i| header.nonce >> i & 1 == 1).collect();
    for bytes in [&header.pub_key_hash[..], &header.address, &fr::to_bytes(&state_root)] {
        for byte in bytes.iter().rev() {
            leaf.extend((0..8).map(|i| byte >> i & 1 == 1));
        }
    }
    hash(&bits::multipack(&leaf))
}

impl NaiveAccountTree {
    /// Builds the tree of a genesis in batches. Equal sets of balances share their nodes until one
    /// changes.
    pub fn build(accounts: &[InitialAccount]) -> Self {
        let mut tree = Self::default();
        let mut sets: HashMap<&[(u32, u128)], Arc<NaiveTree>> = HashMap::new();
        let mut leaves = Vec::with_capacity(accounts.len());
        for account in accounts {
            let balances = sets.entry(&account.balances).or_insert_with(|| {
                let amounts: Vec<u128> = account.balances.iter().map(|&(_, balance)| balance).collect();
                let tokens = account.balances.iter().map(|&(token, _)| token);
                let mut balances = tree.empty_balances.clone();
                Arc::make_mut(&mut balances).fill(tokens.zip(leaf::balance_leaf_hashes(&amounts)));
                balances
            });
            tree.balances.insert(account.id, balances.clone());
            tree.headers.insert(account.id, account.header);
            leaves.push(AccountLeaf { header: account.header, balance_root: balances.root() });
        }
        let ids = accounts.iter().map(|account| account.id);
        tree.accounts.fill(ids.zip(leaf::account_leaf_hashes(&leaves)));
        tree
    }

    /// Sets the header and one balance of an account.
    pub fn set(&mut self, account: u32, token: u32, header: AccountHeader, balance: u128) {
        let balances = self.balances.entry(account).or_insert_with(|| self.empty_balances.clone());
        let balances = Arc::make_mut(balances);
        balances.set(token, hash(&[fr::from_u128(balance)]));
        self.headers.insert(account, header);
        self.accounts.set(account, leaf_hash(&header, &balances.root()));
    }

    /// Adds an account: rehashes the path of each balance, then that of the account.
    pub fn create(&mut self, account: &InitialAccount) {
        let balances = self.balances.entry(account.id).or_insert_with(|| self.empty_balances.clone());
        let balances = Arc::make_mut(balances);
        for &(token, balance) in &account.balances {
            balances.set(token, hash(&[fr::from_u128(balance)]));
        }
        self.headers.insert(account.id, account.header);
        self.accounts.set(account.id, leaf_hash(&account.header, &balances.root()));
    }

    /// Returns the root of the account tree.
    pub fn root(&self) -> Fr {
        self.accounts.root()
    }

    /// Returns the root of the left-most subtree of depth 24.
    pub fn used_subtree_root(&self) -> Fr {
        self.accounts.node(24, 0)
    }

    /// Returns the siblings of an account leaf, bottom-up.
    pub fn account_path(&self, account: u32) -> Vec<Fr> {
        self.accounts.path(account)
    }

    /// Returns the siblings of a balance leaf, bottom-up.
    pub fn balance_path(&self, account: u32, token: u32) -> Vec<Fr> {
        self.balances.get(&account).unwrap_or(&self.empty_balances).path(token)
    }
}
