//! Keys and values of a stored tree, as a [`TreeSource`](super::TreeSource) holds them.
//!
//! | key (integers big-endian) | value | present if |
//! | --- | --- | --- |
//! | `00` | root 32 ‖ used-subtree root 32 | always |
//! | `01` ‖ account 4 | nonce 4 ‖ pub key hash 20 ‖ address 20 ‖ balance root 32 | it is not the default leaf |
//! | `02` ‖ account 4 ‖ token 4 | balance 16 | the balance is not zero |
//! | `03` ‖ level 1 ‖ index 4 | left 32 ‖ right 32 | the node is a junction of the account tree |
//! | `04` ‖ account 4 ‖ level 1 ‖ index 4 | left 32 ‖ right 32 | it is a junction of the balance tree |
//!
//! A node with two children that are not empty is a *junction*. Levels count from the leaves (0). A
//! field element is 32 bytes, big-endian.

use super::leaf::{AccountHeader, AccountLeaf};
use super::shape::{LeafId, NodeId, TreeId};
use super::source::SourceError;
use crate::crypto::{Fr, fr};

/// Roots of the account tree and of its used part (docs/protocol/01-primitives.md §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Roots {
    /// Root of the account tree.
    pub(super) root: Fr,
    /// Root of the left-most subtree of depth 24.
    pub(super) used_subtree: Fr,
}

impl Roots {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode_pair(&[self.root, self.used_subtree])
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, SourceError> {
        let [root, used_subtree] = decode_pair(bytes)?;
        Ok(Self { root, used_subtree })
    }
}

/// Key of the record of both roots.
pub const ROOTS: &[u8] = &[0];

/// The record that a key names.
pub(super) enum Key {
    Roots,
    Leaf(LeafId),
    Junction(NodeId),
}

/// Returns the record that a key names, or `None` if the bytes are not a key of this module.
pub(super) fn decode_key(key: &[u8]) -> Option<Key> {
    let (kind, rest) = key.split_first()?;
    let (tree, rest) = match kind {
        0 => return rest.is_empty().then_some(Key::Roots),
        1 | 3 => (TreeId::Accounts, rest),
        2 | 4 => {
            let (account, rest) = rest.split_first_chunk()?;
            (TreeId::Balances(u32::from_be_bytes(*account)), rest)
        }
        _ => return None,
    };
    let index = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).ok();
    match (kind, rest) {
        (1 | 2, rest) => Some(Key::Leaf((tree, index(rest)?))),
        (_, [level, rest @ ..]) => Some(Key::Junction((tree, usize::from(*level), index(rest)?))),
        _ => None,
    }
}

/// Returns the key of an account leaf.
pub(crate) fn account_key(account: u32) -> Vec<u8> {
    [&[1][..], &account.to_be_bytes()].concat()
}

/// Returns the key of a balance.
pub(crate) fn balance_key(account: u32, token: u32) -> Vec<u8> {
    [&[2][..], &account.to_be_bytes(), &token.to_be_bytes()].concat()
}

/// Returns the key of a leaf.
pub(super) fn leaf_key(tree: TreeId, index: u32) -> Vec<u8> {
    match tree {
        TreeId::Accounts => account_key(index),
        TreeId::Balances(account) => balance_key(account, index),
    }
}

/// Returns the range of keys `from..to` of exactly the leaves below a node.
pub fn leaf_range(tree: TreeId, level: usize, index: u32) -> (Vec<u8>, Vec<u8>) {
    let first = u64::from(index) << level;
    let end = first + (1 << level);
    let from = leaf_key(tree, first as u32);
    let to = match u32::try_from(end) {
        Ok(end) => leaf_key(tree, end),
        // The end of the tree: a key just above its last leaf.
        Err(_) => [leaf_key(tree, u32::MAX), vec![0]].concat(),
    };
    (from, to)
}

/// Returns the index of the leaf with the given key.
pub fn leaf_index(key: &[u8]) -> Result<u32, SourceError> {
    key.last_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or_else(|| bad("leaf key"))
}

/// Returns the key of a junction.
pub(crate) fn junction_key(tree: TreeId, level: usize, index: u32) -> Vec<u8> {
    let place = [&[level as u8][..], &index.to_be_bytes()].concat();
    match tree {
        TreeId::Accounts => [&[3][..], &place].concat(),
        TreeId::Balances(account) => [&[4][..], &account.to_be_bytes(), &place].concat(),
    }
}

/// Encodes an account leaf.
pub(crate) fn encode_account(leaf: &AccountLeaf) -> Vec<u8> {
    let header = &leaf.header;
    [
        &header.nonce.to_be_bytes()[..],
        &header.pub_key_hash,
        &header.address,
        &fr::to_bytes(&leaf.balance_root),
    ]
    .concat()
}

/// Decodes an account leaf.
pub fn decode_account(bytes: &[u8]) -> Result<AccountLeaf, SourceError> {
    let bytes: &[u8; 76] = bytes.try_into().map_err(|_| bad("account leaf"))?;
    let (nonce, rest) = bytes.split_at(4);
    let (pub_key_hash, rest) = rest.split_at(20);
    let (address, root) = rest.split_at(20);
    let header = AccountHeader {
        nonce: u32::from_be_bytes(array(nonce)?),
        pub_key_hash: array(pub_key_hash)?,
        address: array(address)?,
    };
    Ok(AccountLeaf { header, balance_root: element(root)? })
}

/// Encodes two field elements: the children of a junction, or both roots.
pub(crate) fn encode_pair(pair: &[Fr; 2]) -> Vec<u8> {
    [fr::to_bytes(&pair[0]), fr::to_bytes(&pair[1])].concat()
}

/// Decodes two field elements.
pub(crate) fn decode_pair(bytes: &[u8]) -> Result<[Fr; 2], SourceError> {
    if bytes.len() != 64 {
        return Err(bad("node"));
    }
    Ok([element(&bytes[..32])?, element(&bytes[32..])?])
}

/// Encodes a balance. Zero is not stored.
pub(super) fn encode_balance(balance: u128) -> Option<Vec<u8>> {
    (balance != 0).then(|| balance.to_be_bytes().to_vec())
}

/// Decodes a balance.
pub fn decode_balance(bytes: &[u8]) -> Result<u128, SourceError> {
    Ok(u128::from_be_bytes(array(bytes)?))
}

fn element(bytes: &[u8]) -> Result<Fr, SourceError> {
    fr::from_bytes(&array(bytes)?).map_err(|_| bad("field element"))
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SourceError> {
    bytes.try_into().map_err(|_| bad("record"))
}

fn bad(what: &str) -> SourceError {
    SourceError(format!(
        "the account tree holds an unreadable {what}; restore a copy of the data folder, or import the chain into a new one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_leaf_and_ranges_end_with_the_subtree() {
        assert_eq!(hex::encode(account_key(0x01020304)), "0101020304");
        assert_eq!(hex::encode(balance_key(1, 2)), "020000000100000002");
        assert_eq!(hex::encode(junction_key(TreeId::Accounts, 5, 7)), "030500000007");
        assert_eq!(hex::encode(junction_key(TreeId::Balances(9), 5, 7)), "04000000090500000007");
        let (from, to) = leaf_range(TreeId::Accounts, 32, 0);
        assert!(from <= account_key(0) && account_key(u32::MAX) < to);
        assert!(to < balance_key(0, 0));
        let (from, to) = leaf_range(TreeId::Balances(3), 4, 1);
        assert_eq!((from, to), (balance_key(3, 16), balance_key(3, 32)));
    }

    #[test]
    fn keys_round_trip_and_other_bytes_are_rejected() {
        let leaves = [(TreeId::Accounts, 7), (TreeId::Balances(9), u32::MAX)];
        for leaf in leaves {
            assert!(matches!(decode_key(&leaf_key(leaf.0, leaf.1)), Some(Key::Leaf(id)) if id == leaf));
        }
        for node in [(TreeId::Accounts, 32, 0), (TreeId::Balances(9), 5, 7)] {
            let key = junction_key(node.0, node.1, node.2);
            assert!(matches!(decode_key(&key), Some(Key::Junction(id)) if id == node));
        }
        assert!(matches!(decode_key(ROOTS), Some(Key::Roots)));
        for bytes in [&[][..], &[0, 0], &[1, 0, 0, 0], &[2; 8], &[3; 5], &[4; 9], &[5; 5]] {
            assert!(decode_key(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn records_round_trip_and_malformed_ones_are_errors() {
        let leaf = AccountLeaf {
            header: AccountHeader { nonce: 7, pub_key_hash: [1; 20], address: [2; 20] },
            balance_root: fr::from_u64(5),
        };
        assert_eq!(decode_account(&encode_account(&leaf)).unwrap(), leaf);
        let pair = [fr::from_u64(1), fr::from_u64(2)];
        assert_eq!(decode_pair(&encode_pair(&pair)).unwrap(), pair);
        assert!(decode_pair(&[0xff; 64]).is_err());
        assert!(decode_account(&[0; 75]).is_err());
        assert!(decode_balance(&[0; 15]).is_err());
    }
}
