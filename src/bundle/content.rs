//! What is in a bundle, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::file::{self, FileError};
use crate::crypto::{Fr, fr};
use crate::tree::{AccountHeader, AccountLeaf, Multiproof, TreeId};

/// A block with all that its witness follows from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// Name and version of the program that took it.
    pub program: String,
    /// Processor and system it ran on, such as `x86_64-linux`.
    pub platform: String,
    /// Engine of its hashes.
    pub engine: String,
    /// When it was taken, in milliseconds since 1970.
    pub taken_at_ms: u64,
    /// Number of the block.
    pub block: u32,
    /// When the block was imported, in milliseconds since 1970.
    pub imported_at_ms: u64,
    /// `{"block":…,"accounts_updated":…}`, as it is stored.
    pub imported: Box<RawValue>,
    /// Outcomes of the signature checks that are stored with the block, two hex digits a transaction.
    pub signature_outcomes: String,
    /// The state before the block.
    pub before: Before,
    /// Why the block is quarantined, if it is.
    pub quarantine: Option<BundledQuarantine>,
    /// The witness, as it is stored.
    pub witness: Option<Box<RawValue>>,
    /// The proof of the block.
    pub proof: Option<BundledProof>,
}

/// A stored proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BundledProof {
    /// Who published it.
    pub prover: Option<String>,
    /// When it was stored, in milliseconds since 1970.
    pub stored_at_ms: u64,
    /// The protocol's JSON.
    pub proof: Box<RawValue>,
}

/// Why a block has no witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledQuarantine {
    /// The reason, as a sentence.
    pub reason: String,
    /// Index of the operation in the block, when one is to blame.
    pub operation: Option<u32>,
    /// Kind of that operation.
    pub kind: Option<String>,
    /// When it was found, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What the block reads of the state before it: leaves of the account tree, and the nodes beside their paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    #[serde(with = "fr::serde_fr")]
    pub(super) root: Fr,
    accounts: Vec<Account>,
    balances: Vec<Balance>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    id: u32,
    /// `null`: the default leaf.
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
    /// In decimal.
    balance: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    /// Whose balance tree; `null`: the account tree.
    account: Option<u32>,
    level: u8,
    index: u32,
    #[serde(with = "fr::serde_fr")]
    hash: Fr,
}

impl Bundle {
    /// The bytes of its file.
    ///
    /// # Errors
    /// [`FileError::TooLarge`].
    pub fn to_file(&self) -> Result<Vec<u8>, FileError> {
        file::encode(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn of_file(bytes: &[u8]) -> Result<Self, FileError> {
        file::decode(bytes)
    }
}

impl Before {
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
            once(&mut proof.accounts, *id, leaf)?;
        }
        for Balance { account, token, balance } in &self.balances {
            let amount = balance
                .parse()
                .map_err(|error| format!("balance of account {account} in token {token}: {error}"))?;
            once(&mut proof.balances, (*account, *token), amount)?;
        }
        for Node { account, level, index, hash } in &self.nodes {
            let tree = account.map_or(TreeId::Accounts, TreeId::Balances);
            once(&mut proof.nodes, (tree, usize::from(*level), *index), *hash)?;
        }
        Ok(proof)
    }
}

fn once<K: Ord + Copy + std::fmt::Debug, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
) -> Result<(), String> {
    match map.insert(key, value) {
        Some(_) => Err(format!("{key:?} is there twice")),
        None => Ok(()),
    }
}
