//! Account and balance leaves and the hashes of empty subtrees (spec 01 §5.2–5.4).

use std::sync::LazyLock;

use super::ACCOUNT_TREE_DEPTH;
use crate::crypto::{Fr, bits, fr, rescue};

/// Everything an account leaf holds beside its balances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountHeader {
    /// Number of executed transactions, `u32` of the protocol.
    pub nonce: u32,
    /// Hash of the zkSync public key, big-endian integer; zero while the account is locked.
    pub pub_key_hash: [u8; 20],
    /// Ethereum address, big-endian integer.
    pub address: [u8; 20],
}

impl AccountHeader {
    /// The three field elements of the account leaf, given the root of its balance tree hashed with zero
    /// (`state_root`): 608 bits, each field least significant bit first, in groups of 253.
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

/// Hashes of account leaves, given headers and balance tree roots; three permutations each.
pub fn account_leaf_hashes(leaves: &[(AccountHeader, Fr)]) -> Vec<Fr> {
    let zero = fr::from_u64(0);
    let roots: Vec<[Fr; 2]> = leaves.iter().map(|(_, root)| [*root, zero]).collect();
    let state_roots = super::levels::compress_all(&roots);
    let elements: Vec<Vec<Fr>> =
        leaves.iter().zip(&state_roots).map(|((header, _), root)| header.leaf_elements(root)).collect();
    super::levels::in_parallel(&elements, rescue::hash_batch)
}

/// Hashes of balance leaves (spec 01 §5.2); one permutation each.
pub fn balance_leaf_hashes(balances: &[u128]) -> Vec<Fr> {
    let elements: Vec<[Fr; 1]> = balances.iter().map(|balance| [fr::from_u128(*balance)]).collect();
    super::levels::in_parallel(&elements, rescue::hash_batch)
}

/// Hashes of the empty subtree of each height 0..=32 of a tree with the given default leaf.
fn defaults(leaf: Fr) -> [Fr; ACCOUNT_TREE_DEPTH + 1] {
    let mut hashes = [leaf; ACCOUNT_TREE_DEPTH + 1];
    for height in 0..ACCOUNT_TREE_DEPTH {
        hashes[height + 1] = rescue::compress(&hashes[height], &hashes[height]);
    }
    hashes
}

/// Empty subtree hashes of a balance tree, by height.
pub static EMPTY_BALANCE: LazyLock<[Fr; 33]> = LazyLock::new(|| defaults(balance_leaf_hashes(&[0])[0]));

/// Empty subtree hashes of the account tree, by height.
pub static EMPTY_ACCOUNT: LazyLock<[Fr; 33]> =
    LazyLock::new(|| defaults(account_leaf_hashes(&[(AccountHeader::default(), EMPTY_BALANCE[32])])[0]));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_constants_of_the_specification() {
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
        let leaf = (AccountHeader { address: [0xee; 20], ..Default::default() }, EMPTY_BALANCE[32]);
        let fee_account = AccountHeader {
            address: {
                let mut a = [0xee; 20];
                a[0] = 0xfe;
                a
            },
            ..Default::default()
        };
        let hashes = account_leaf_hashes(&[leaf, (fee_account, EMPTY_BALANCE[32])]);
        assert_eq!(
            fr::to_hex(&hashes[1]),
            "0528ed0df424bd87253e17f07f2a3f88a6318d043496a36c7dc29d0ee71d50ef"
        );
        assert_ne!(hashes[0], hashes[1]);
    }
}
