//! Requests of clients.

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use super::tokens::TokenLike;
use crate::domain::{AccountId, Address, H256, PubKeyHash, TxEthSignature};

/// The Ethereum signatures of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EthSignatures {
    /// That of the sender, if any.
    One(Option<TxEthSignature>),
    /// Those of a swap: of the submitter and of the two orders.
    Swap([Option<TxEthSignature>; 3]),
}

impl EthSignatures {
    /// Returns the signature of the sender.
    pub(super) fn sender(&self) -> Option<&TxEthSignature> {
        match self {
            Self::One(signature) => signature.as_ref(),
            Self::Swap([submitter, _, _]) => submitter.as_ref(),
        }
    }
}

/// The place of a request for fast processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FastProcessing {
    /// An argument beside the transaction (JSON-RPC); the transaction itself must not have it.
    Argument(bool),
    /// The transaction (REST).
    InTransaction,
}

/// A switch of two-factor authentication.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Toggle2Fa {
    /// True to switch it on.
    pub enable: bool,
    /// Time of the request, in Unix milliseconds.
    pub timestamp: u64,
    /// The account.
    pub account_id: AccountId,
    /// Signature of the owner of the account's address.
    pub signature: TxEthSignature,
    /// The only key for which it is switched off; `None` for all keys.
    pub pub_key_hash: Option<PubKeyHash>,
}

/// A request for a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DepositRequest {
    /// The recipient.
    pub to: Address,
    /// The token.
    pub token: TokenLike,
    /// Amount in the smallest unit of the token.
    pub amount: BigUint,
    /// Sender on Ethereum; `None` for `to`.
    pub from: Option<Address>,
}

/// A request for a full exit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FullExitRequest {
    /// The account.
    pub account_id: AccountId,
    /// A token or an NFT.
    pub token: TokenLike,
    /// Address of the requester; `None` for that of the account.
    pub eth_address: Option<Address>,
}

/// The receipt of a deposit or a full exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PriorityOpReceipt {
    /// Number in the queue of priority operations.
    pub serial_id: u64,
    /// Invented hash of the Ethereum transaction.
    pub eth_hash: H256,
    /// Hash of the priority operation.
    pub tx_hash: H256,
    /// Invented number of the Ethereum block.
    pub eth_block: u64,
}
