//! The content of a bundle, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::file::{self, FileError};
use crate::crypto::{Fr, fr};
use crate::domain::Quarantine;
use crate::tree::{AccountHeader, AccountLeaf, Multiproof, TreeId};

/// A block with everything that determines its witness.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// Name and version of the program that exported the bundle.
    pub program: String,
    /// Processor and operating system of that program, such as `x86_64-linux`.
    pub platform: String,
    /// Hash engine of that program.
    pub engine: String,
    /// Time of the export, in milliseconds since 1970.
    pub taken_at_ms: u64,
    /// Number of the block.
    pub block: u32,
    /// Time of the import of the block, in milliseconds since 1970.
    pub imported_at_ms: u64,
    /// `{"block":…,"accounts_updated":…}`, verbatim from the store.
    pub imported: Box<RawValue>,
    /// Stored outcomes of the signature checks, two hex digits for each transaction.
    pub signature_outcomes: String,
    /// The part of the state before the block that the block reads.
    pub before: StateBefore,
    /// The quarantine of the block, if it is quarantined.
    pub quarantine: Option<Quarantine>,
    /// The stored witness, verbatim.
    pub witness: Option<Box<RawValue>>,
    /// The stored proof of the block.
    pub proof: Option<BundledProof>,
}

/// A stored proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BundledProof {
    /// Name of the prover, if known.
    pub prover: Option<String>,
    /// Time of its publication, in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The proof in the protocol's JSON.
    pub proof: Box<RawValue>,
}

/// The part of the state before a block that the block reads: leaves of the account tree and of the
/// balance trees, and the sibling nodes of their paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBefore {
    #[serde(with = "fr::serde_fr")]
    pub(super) root: Fr,
    accounts: Vec<Account>,
    balances: Vec<Balance>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    id: u32,
    /// `null` for the default leaf.
    leaf: Option<Leaf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Leaf {
    nonce: u32,
    pub_key_hash: String,
    address: String,
    #[serde(with = "fr::serde_fr")]
    balance_root: Fr,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Balance {
    account: u32,
    token: u32,
    /// The amount in the token's smallest unit, in decimal.
    balance: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    /// Owner of the balance tree; `null` for the account tree.
    account: Option<u32>,
    level: u8,
    index: u32,
    #[serde(with = "fr::serde_fr")]
    hash: Fr,
}

impl Bundle {
    /// Encodes the bundle as a file.
    pub fn to_file(&self) -> Result<Vec<u8>, FileError> {
        let json = serde_json::to_vec(self).map_err(|error| FileError::Damaged(error.to_string()))?;
        file::pack(&json)
    }

    /// Decodes the file of a bundle.
    pub fn of_file(bytes: &[u8]) -> Result<Self, FileError> {
        let json = file::unpack(bytes)?;
        serde_json::from_slice(&json).map_err(|error| FileError::Damaged(format!("its JSON ({error})")))
    }
}

impl StateBefore {
    pub(super) fn new(root: Fr, proof: &Multiproof) -> Self {
        let account = |(id, leaf): (&u32, &Option<AccountLeaf>)| Account {
            id: *id,
            leaf: leaf.map(|AccountLeaf { header, balance_root }| Leaf {
                nonce: header.nonce,
                pub_key_hash: hex::encode(header.pub_key_hash),
                address: hex::encode(header.address),
                balance_root,
            }),
        };
        let balances = proof.balances.iter().map(|((account, token), balance)| Balance {
            account: *account,
            token: *token,
            balance: balance.to_string(),
        });
        let nodes = proof.nodes.iter().map(|((tree, level, index), hash)| Node {
            account: match tree {
                TreeId::Accounts => None,
                TreeId::Balances(account) => Some(*account),
            },
            level: *level as u8,
            index: *index,
            hash: *hash,
        });
        Self {
            root,
            accounts: proof.accounts.iter().map(account).collect(),
            balances: balances.collect(),
            nodes: nodes.collect(),
        }
    }

    /// Decodes leaves and nodes. The error names the first that is malformed or occurs twice.
    pub(super) fn multiproof(&self) -> Result<Multiproof, String> {
        let bytes = |text: &str, what: String| {
            let mut bytes = [0; 20];
            hex::decode_to_slice(text, &mut bytes).map_err(|error| format!("{what}: {error}"))?;
            Ok::<_, String>(bytes)
        };
        let mut proof = Multiproof::default();
        for Account { id, leaf } in &self.accounts {
            let leaf = match leaf {
                None => None,
                Some(leaf) => Some(AccountLeaf {
                    header: AccountHeader {
                        nonce: leaf.nonce,
                        pub_key_hash: bytes(&leaf.pub_key_hash, format!("key hash of account {id}"))?,
                        address: bytes(&leaf.address, format!("address of account {id}"))?,
                    },
                    balance_root: leaf.balance_root,
                }),
            };
            insert_once(&mut proof.accounts, *id, leaf)?;
        }
        for Balance { account, token, balance } in &self.balances {
            let amount = balance
                .parse()
                .map_err(|error| format!("balance of account {account} in token {token}: {error}"))?;
            insert_once(&mut proof.balances, (*account, *token), amount)?;
        }
        for Node { account, level, index, hash } in &self.nodes {
            let tree = account.map_or(TreeId::Accounts, TreeId::Balances);
            insert_once(&mut proof.nodes, (tree, usize::from(*level), *index), *hash)?;
        }
        Ok(proof)
    }
}

/// The root before the block, as 64 hex digits.
impl std::fmt::Display for StateBefore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&fr::to_hex(&self.root))
    }
}

fn insert_once<K: Ord + Copy + std::fmt::Debug, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
) -> Result<(), String> {
    match map.insert(key, value) {
        Some(_) => Err(format!("{key:?} occurs twice")),
        None => Ok(()),
    }
}
