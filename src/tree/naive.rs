//! The sequential way, for tests and benchmarks: change one leaf, rehash its path with franklin-crypto, read a path.

use std::collections::HashMap;

use super::leaf::AccountHeader;
use crate::crypto::{Fr, fr, rescue};

/// A sparse Merkle tree of depth 32 that keeps every node it ever computed.
#[derive(Clone)]
pub struct NaiveTree {
    nodes: HashMap<(usize, u32), Fr>,
    empty: Vec<Fr>,
}

impl NaiveTree {
    /// An empty tree with the given default leaf.
    pub fn new(default_leaf: Fr) -> Self {
        let mut empty = vec![default_leaf];
        for height in 0..32 {
            empty.push(rescue::hash_elements(&[empty[height], empty[height]]));
        }
        Self { nodes: HashMap::new(), empty }
    }

    fn node(&self, level: usize, index: u32) -> Fr {
        self.nodes.get(&(level, index)).copied().unwrap_or(self.empty[level])
    }

    /// Sets a leaf hash and rehashes up to the root.
    pub fn set(&mut self, leaf: u32, hash: Fr) {
        self.nodes.insert((0, leaf), hash);
        let mut index = leaf;
        for level in 1..=32 {
            index >>= 1;
            let hash = rescue::hash_elements(&[
                self.node(level - 1, index << 1),
                self.node(level - 1, index << 1 | 1),
            ]);
            self.nodes.insert((level, index), hash);
        }
    }

    /// The root.
    pub fn root(&self) -> Fr {
        self.node(32, 0)
    }

    /// The 32 siblings of a leaf, bottom-up.
    pub fn path(&self, leaf: u32) -> Vec<Fr> {
        (0..32).map(|level| self.node(level, (leaf >> level) ^ 1)).collect()
    }
}

/// The account tree over balance trees, one leaf update at a time.
#[derive(Clone)]
pub struct NaiveAccountTree {
    accounts: NaiveTree,
    headers: HashMap<u32, AccountHeader>,
    balances: HashMap<u32, NaiveTree>,
    empty_balances: NaiveTree,
}

impl Default for NaiveAccountTree {
    fn default() -> Self {
        let empty_balances = NaiveTree::new(rescue::hash_elements(&[fr::from_u64(0)]));
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
    let state_root = rescue::hash_elements(&[*balance_root, fr::from_u64(0)]);
    let mut bits: Vec<bool> = (0..32).map(|i| header.nonce >> i & 1 == 1).collect();
    for bytes in [&header.pub_key_hash[..], &header.address, &fr::to_bytes(&state_root)] {
        for byte in bytes.iter().rev() {
            bits.extend((0..8).map(|i| byte >> i & 1 == 1));
        }
    }
    rescue::hash_bits(&bits)
}

impl NaiveAccountTree {
    /// Sets header and one balance of an account.
    pub fn set(&mut self, account: u32, token: u32, header: AccountHeader, balance: u128) {
        let balances = self.balances.entry(account).or_insert_with(|| self.empty_balances.clone());
        balances.set(token, rescue::hash_elements(&[fr::from_u128(balance)]));
        self.headers.insert(account, header);
        self.accounts.set(account, leaf_hash(&header, &balances.root()));
    }

    /// Root of the account tree.
    pub fn root(&self) -> Fr {
        self.accounts.root()
    }

    /// Root of the left-most subtree of depth 24.
    pub fn used_subtree_root(&self) -> Fr {
        self.accounts.node(24, 0)
    }

    /// Siblings of an account leaf.
    pub fn account_path(&self, account: u32) -> Vec<Fr> {
        self.accounts.path(account)
    }

    /// Siblings of a balance leaf.
    pub fn balance_path(&self, account: u32, token: u32) -> Vec<Fr> {
        self.balances.get(&account).unwrap_or(&self.empty_balances).path(token)
    }
}
