//! Sender, fee and kind of a transaction.

use num_bigint::BigUint;
use num_traits::ToPrimitive;

use crate::devnet::fees::{ChangePubKeyFee, ChangePubKeyKind, FeeType};
use crate::domain::tx::{ChangePubKey, ChangePubKeyEthAuthData};
use crate::domain::{AccountId, Address, TokenId, TxSignature, ZkSyncTx};

/// Id of the Ethereum chain that clients connect to the network `localhost`.
pub(super) const CHAIN_ID: u64 = 9;

/// The properties of a transaction that admission reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// The account that signs and pays; of a forced exit the initiator.
    pub account: AccountId,
    /// Its address as the transaction states it; `None` for a forced exit.
    pub address: Option<Address>,
    pub nonce: u32,
    pub fee_token: TokenId,
    /// The fee; one that exceeds 128 bits is refused later and counts as the largest.
    pub fee: u128,
    pub kind: FeeType,
    /// The address that decides whether an account is created.
    pub recipient: Address,
    pub signature: TxSignature,
}

impl Facts {
    /// Returns the facts of a transaction; `None` for the disabled kind Close.
    pub(super) fn of(tx: &ZkSyncTx) -> Option<Self> {
        let known = |account, address: Address, nonce: crate::domain::Nonce, fee_token, fee: &BigUint| Self {
            account,
            address: Some(address),
            nonce: nonce.0,
            fee_token,
            fee: fee.to_u128().unwrap_or(u128::MAX),
            kind: FeeType::Transfer,
            recipient: address,
            signature: TxSignature::default(),
        };
        Some(match tx {
            ZkSyncTx::Close(_) => return None,
            ZkSyncTx::Transfer(tx) => Self {
                recipient: tx.to,
                signature: tx.signature,
                ..known(tx.account_id, tx.from, tx.nonce, tx.token, &tx.fee)
            },
            ZkSyncTx::Withdraw(tx) => Self {
                kind: if tx.fast { FeeType::FastWithdraw } else { FeeType::Withdraw },
                recipient: tx.to,
                signature: tx.signature,
                ..known(tx.account_id, tx.from, tx.nonce, tx.token, &tx.fee)
            },
            ZkSyncTx::WithdrawNFT(tx) => Self {
                kind: FeeType::WithdrawNFT,
                recipient: tx.to,
                signature: tx.signature,
                ..known(tx.account_id, tx.from, tx.nonce, tx.fee_token, &tx.fee)
            },
            ZkSyncTx::ForcedExit(tx) => Self {
                kind: FeeType::ForcedExit,
                address: None,
                signature: tx.signature,
                ..known(tx.initiator_account_id, tx.target, tx.nonce, tx.token, &tx.fee)
            },
            ZkSyncTx::MintNFT(tx) => Self {
                kind: FeeType::MintNFT,
                recipient: tx.recipient,
                signature: tx.signature,
                ..known(tx.creator_id, tx.creator_address, tx.nonce, tx.fee_token, &tx.fee)
            },
            ZkSyncTx::Swap(tx) => Self {
                kind: FeeType::Swap,
                signature: tx.signature,
                ..known(tx.submitter_id, tx.submitter_address, tx.nonce, tx.fee_token, &tx.fee)
            },
            ZkSyncTx::ChangePubKey(tx) => Self {
                kind: FeeType::ChangePubKey(ChangePubKeyFee::Kind(authorisation(tx))),
                signature: tx.signature,
                ..known(tx.account_id, tx.account, tx.nonce, tx.fee_token, &tx.fee)
            },
        })
    }
}

/// Returns the kind of authorisation of a new key.
pub(super) fn authorisation(tx: &ChangePubKey) -> ChangePubKeyKind {
    match (&tx.eth_auth_data, &tx.eth_signature) {
        (Some(ChangePubKeyEthAuthData::Ecdsa { .. }), _) | (None, Some(_)) => ChangePubKeyKind::ECDSA,
        (Some(ChangePubKeyEthAuthData::Eip712 { .. }), _) => ChangePubKeyKind::EIP712,
        (Some(ChangePubKeyEthAuthData::Create2 { .. }), _) => ChangePubKeyKind::CREATE2,
        (Some(ChangePubKeyEthAuthData::Onchain {}), _) | (None, None) => ChangePubKeyKind::Onchain,
    }
}

/// Returns true if the transaction has a message to be signed on Ethereum.
pub(super) fn has_message(tx: &ZkSyncTx) -> bool {
    !matches!(tx, ZkSyncTx::ChangePubKey(_) | ZkSyncTx::Close(_))
}
