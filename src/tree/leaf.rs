//! Account and balance leaves, and the hashes of empty subtrees
//! (docs/protocol/01-primitives.md §5.2, docs/protocol/01-primitives.md §5.3 and
//! docs/protocol/01-primitives.md §5.4).

use std::sync::LazyLock;

use super::batch::{compress_all, in_parallel};
use super::shape::{DEPTH, TreeId};
use crate::crypto::{Fr, bits, fr, rescue};

/// The contents of an account leaf other than its balances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountHeader {
    /// Number of executed transactions.
    pub nonce: u32,
    /// Hash of the zkSync public key, a big-endian integer; zero while the account is locked.
    pub pub_key_hash: [u8; 20],
    /// Ethereum address, a big-endian integer.
    pub address: [u8; 20],
}

/// An account leaf: its header and the root of its balance tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLeaf {
    /// Nonce, key hash and address.
    pub header: AccountHeader,
    /// Root of the balance tree.
    pub balance_root: Fr,
}

impl Default for AccountLeaf {
    /// Returns the leaf of an account that does not exist. It is not stored.
    fn default() -> Self {
        Self { header: AccountHeader::default(), balance_root: EMPTY_BALANCE[DEPTH] }
    }
}

impl AccountHeader {
    /// Packs an account leaf into three field elements: 608 bits, each field least significant bit
    /// first, in groups of 253. `state_root` is the root of the balance tree hashed with zero.
    fn leaf_elements(&self, state_root: &Fr) -> Vec<Fr> {
        let mut leaf = Vec::with_capacity(608);
        leaf.extend((0..32).map(|i| self.nonce >> i & 1 == 1));
        for field in [&self.pub_key_hash, &self.address] {
            leaf.extend(field.iter().rev().flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1)));
        }
        let root = fr::to_bytes(state_root);
        leaf.extend(root.iter().rev().flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1)));
        bits::multipack(&leaf)
    }
}

/// Hashes account leaves; three permutations each.
pub(crate) fn account_leaf_hashes(leaves: &[AccountLeaf]) -> Vec<Fr> {
    let zero = fr::from_u64(0);
    let roots: Vec<[Fr; 2]> = leaves.iter().map(|leaf| [leaf.balance_root, zero]).collect();
    let state_roots = compress_all(&roots);
    let elements: Vec<Vec<Fr>> =
        leaves.iter().zip(&state_roots).map(|(leaf, root)| leaf.header.leaf_elements(root)).collect();
    in_parallel(&elements, rescue::hash_batch)
}

/// Hashes balance leaves (docs/protocol/01-primitives.md §5.2); one permutation each.
pub(crate) fn balance_leaf_hashes(balances: &[u128]) -> Vec<Fr> {
    let elements: Vec<[Fr; 1]> = balances.iter().map(|balance| [fr::from_u128(*balance)]).collect();
    in_parallel(&elements, rescue::hash_batch)
}

/// Returns the hash of the empty subtree of each height 0..=32 of a tree with the given default
/// leaf.
fn empty_hashes(leaf: Fr) -> [Fr; DEPTH + 1] {
    let mut hashes = [leaf; DEPTH + 1];
    for height in 0..DEPTH {
        hashes[height + 1] = rescue::compress(&hashes[height], &hashes[height]);
    }
    hashes
}

/// Hashes of the empty subtrees of a balance tree, by height.
pub(super) static EMPTY_BALANCE: LazyLock<[Fr; DEPTH + 1]> =
    LazyLock::new(|| empty_hashes(balance_leaf_hashes(&[0])[0]));

/// Hashes of the empty subtrees of the account tree, by height.
pub(super) static EMPTY_ACCOUNT: LazyLock<[Fr; DEPTH + 1]> =
    LazyLock::new(|| empty_hashes(account_leaf_hashes(&[AccountLeaf::default()])[0]));

/// Returns the hashes of the empty subtrees of a tree, by height.
pub(super) fn empty(tree: TreeId) -> &'static [Fr; DEPTH + 1] {
    match tree {
        TreeId::Accounts => &EMPTY_ACCOUNT,
        TreeId::Balances(_) => &EMPTY_BALANCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_empty_subtrees_are_the_documented_constants() {
        let cases = [
            (EMPTY_BALANCE[0], "00e261cd5a49d2afdefbe1f508c7d6edf466a10d435d92007f2276a98be62351"),
            (EMPTY_BALANCE[32], "11188be0456c969e4d379bf7f38227df56e2a370d203d8c835db922da52a650b"),
            (EMPTY_ACCOUNT[0], "1a334bcbbc7414aeb084a68857d421d65d43c44b3865effaf79ab6696c772dfd"),
            (EMPTY_ACCOUNT[24], "1dbb47c83d30626b7f5b3859d5566e4bdce808bdb4a5a60fecce7cbb725898c6"),
            (EMPTY_ACCOUNT[32], "1303cde457f997b247bcd2d1783a9be184900663624b870b875b13f799cbce18"),
        ];
        for (hash, expected) in cases {
            assert_eq!(fr::to_hex(&hash), expected);
        }
    }

    #[test]
    fn a_leaf_packs_its_fields_least_significant_bit_first() {
        let mut leaf = AccountLeaf::default();
        leaf.header.address = [0xee; 20];
        let mut fee_account = leaf;
        fee_account.header.address[0] = 0xfe;
        let hashes = account_leaf_hashes(&[leaf, fee_account]);
        assert_eq!(
            fr::to_hex(&hashes[1]),
            "0528ed0df424bd87253e17f07f2a3f88a6318d043496a36c7dc29d0ee71d50ef"
        );
        assert_ne!(hashes[0], hashes[1]);
    }
}
