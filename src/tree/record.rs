//! Keys and values of a stored tree: what [`TreeSource`](super::TreeSource) holds.
//!
//! | key (integers big-endian) | value | there when |
//! | --- | --- | --- |
//! | `00` | root 32 ‖ used-subtree root 32 | always |
//! | `01` ‖ account 4 | nonce 4 ‖ pub key hash 20 ‖ address 20 ‖ balance root 32 | the account leaf is not the default leaf |
//! | `02` ‖ account 4 ‖ token 4 | balance 16 | the balance is not zero |
//! | `03` ‖ level 1 ‖ index 4 | left 32 ‖ right 32 | that node of the account tree has two non-empty children |
//! | `04` ‖ account 4 ‖ level 1 ‖ index 4 | left 32 ‖ right 32 | likewise in the account's balance tree |
//!
//! Levels count from the leaves (0); a node of level `k` and index `i` covers leaves `i·2^k .. (i+1)·2^k`. Field elements
//! are 32 bytes big-endian.

use super::leaf::AccountHeader;
use super::source::SourceError;
use crate::crypto::{Fr, fr};

/// One of the trees: the account tree, or the balance tree of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreeId {
    /// The account tree.
    Accounts,
    /// The balance tree of this account.
    Balances(u32),
}

/// An account leaf as stored: its header and the root of its balance tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLeaf {
    /// Nonce, key hash and address.
    pub header: AccountHeader,
    /// Root of the balance tree.
    pub balance_root: Fr,
}

/// Roots of the whole account tree and of its used part (spec 01 §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Root of the account tree.
    pub root: Fr,
    /// Root of the left-most subtree of depth 24.
    pub used_subtree: Fr,
}

/// Key of the [`Roots`] record.
pub const ROOTS: &[u8] = &[0];

/// Key of an account leaf.
pub fn account_key(account: u32) -> Vec<u8> {
    [&[1][..], &account.to_be_bytes()].concat()
}

/// Key of a balance.
pub fn balance_key(account: u32, token: u32) -> Vec<u8> {
    [&[2][..], &account.to_be_bytes(), &token.to_be_bytes()].concat()
}

/// Key of leaf `index` of a tree.
pub fn leaf_key(tree: TreeId, index: u32) -> Vec<u8> {
    match tree {
        TreeId::Accounts => account_key(index),
        TreeId::Balances(account) => balance_key(account, index),
    }
}

/// Keys `from..to` that hold exactly the leaves below the node at `level` and `index`.
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

/// Index of the leaf that a key of [`leaf_key`] names.
pub fn leaf_index(key: &[u8]) -> Result<u32, SourceError> {
    key.last_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or_else(|| bad("leaf key"))
}

/// Key of a node with two non-empty children.
pub fn branch_key(tree: TreeId, level: usize, index: u32) -> Vec<u8> {
    let place = [&[level as u8][..], &index.to_be_bytes()].concat();
    match tree {
        TreeId::Accounts => [&[3][..], &place].concat(),
        TreeId::Balances(account) => [&[4][..], &account.to_be_bytes(), &place].concat(),
    }
}

/// Encodes an account leaf.
pub fn encode_account(leaf: &AccountLeaf) -> Vec<u8> {
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

/// Encodes two field elements: the children of a node, or the [`Roots`].
pub fn encode_pair(pair: &[Fr; 2]) -> Vec<u8> {
    [fr::to_bytes(&pair[0]), fr::to_bytes(&pair[1])].concat()
}

/// Decodes what [`encode_pair`] wrote.
pub fn decode_pair(bytes: &[u8]) -> Result<[Fr; 2], SourceError> {
    if bytes.len() != 64 {
        return Err(bad("node"));
    }
    Ok([element(&bytes[..32])?, element(&bytes[32..])?])
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
    fn keys_keep_the_order_of_leaves_and_ranges_end_where_the_subtree_does() {
        assert_eq!(hex::encode(account_key(0x01020304)), "0101020304");
        assert_eq!(hex::encode(balance_key(1, 2)), "020000000100000002");
        assert_eq!(hex::encode(branch_key(TreeId::Accounts, 5, 7)), "030500000007");
        assert_eq!(hex::encode(branch_key(TreeId::Balances(9), 5, 7)), "04000000090500000007");
        let (from, to) = leaf_range(TreeId::Accounts, 32, 0);
        assert!(from <= account_key(0) && account_key(u32::MAX) < to);
        assert!(to < balance_key(0, 0));
        let (from, to) = leaf_range(TreeId::Balances(3), 4, 1);
        assert_eq!((from, to), (balance_key(3, 16), balance_key(3, 32)));
    }

    #[test]
    fn records_come_back_by_value_and_bad_ones_are_errors() {
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
