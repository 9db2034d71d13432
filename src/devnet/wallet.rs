//! A wallet: the two keys of an account, for the traffic of a devnet and for tests.

use num_bigint::BigUint;

use super::accounts::DevAccount;
use super::requests::EthSignatures;
use crate::crypto::ethereum::EthereumKey;
use crate::crypto::signature::{PrivateKey, pub_key_hash};
use crate::domain::tx::{ChangePubKey, ChangePubKeyEthAuthData};
use crate::domain::{
    AccountId, Address, Nonce, PackedEthSignature, PackedPublicKey, PackedSignature, PubKeyHash, TimeRange,
    TokenId, Transfer, TxEthSignature, TxSignature, ZkSyncTx,
};
use crate::execution::ethereum;
use crate::execution::ethereum::TokenText;

/// The two keys of an account.
pub(super) struct Wallet {
    pub address: Address,
    ethereum: EthereumKey,
    signing: PrivateKey,
    public: PackedPublicKey,
    /// Hash of the signing key.
    pub key_hash: PubKeyHash,
}

impl Wallet {
    /// Returns the wallet of an account. Its signing key is derived from the Ethereum key, another
    /// one than an SDK derives.
    pub(super) fn new(account: &DevAccount) -> Option<Self> {
        let signing = PrivateKey::from_seed(&account.private_key);
        let public = PackedPublicKey(signing.public_key());
        Some(Self {
            address: account.address,
            ethereum: EthereumKey::from_bytes(&account.private_key)?,
            key_hash: PubKeyHash(pub_key_hash(&public.0)?),
            signing,
            public,
        })
    }

    /// Signs bytes with the signing key.
    pub(super) fn sign(&self, message: &[u8]) -> TxSignature {
        TxSignature { pub_key: self.public, signature: PackedSignature(self.signing.sign(message)) }
    }

    /// Signs the message of a transaction with the Ethereum key.
    pub(super) fn sign_on_ethereum(&self, message: &str) -> Option<TxEthSignature> {
        let signature = self.ethereum.sign_message(message.as_bytes())?;
        Some(TxEthSignature::EthereumSignature(PackedEthSignature::from_bytes(signature)))
    }

    /// Returns a ChangePubKey to the signing key of this wallet that is authorised on layer 1.
    pub(super) fn set_key(&self, account_id: AccountId, nonce: u32, fee: u128) -> ZkSyncTx {
        let mut tx = ChangePubKey {
            account_id,
            account: self.address,
            new_pk_hash: self.key_hash,
            fee_token: TokenId(0),
            fee: BigUint::from(fee),
            nonce: Nonce(nonce),
            signature: TxSignature::default(),
            eth_signature: None,
            eth_auth_data: Some(ChangePubKeyEthAuthData::Onchain {}),
            time_range: Some(TimeRange::default()),
            chain_id: None,
        };
        // These amounts have a signed form; without one, admission refuses the transaction.
        tx.signature = self.sign(&tx.signed_bytes().unwrap_or_default());
        ZkSyncTx::ChangePubKey(Box::new(tx))
    }

    /// Returns a transfer of ETH with its signatures.
    pub(super) fn transfer(
        &self,
        account_id: AccountId,
        to: Address,
        amount: u128,
        fee: u128,
        nonce: u32,
    ) -> (ZkSyncTx, EthSignatures) {
        let mut tx = Transfer {
            account_id,
            from: self.address,
            to,
            token: TokenId(0),
            amount: BigUint::from(amount),
            fee: BigUint::from(fee),
            nonce: Nonce(nonce),
            time_range: Some(TimeRange::default()),
            signature: TxSignature::default(),
        };
        tx.signature = self.sign(&tx.signed_bytes().unwrap_or_default());
        let tx = ZkSyncTx::Transfer(Box::new(tx));
        let eth = |_| Some(TokenText { symbol: "ETH".to_owned(), decimals: 18 });
        let signature = ethereum::message(&tx, &eth).and_then(|message| self.sign_on_ethereum(&message));
        (tx, EthSignatures::One(signature))
    }
}
