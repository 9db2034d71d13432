//! The keys of an account.

use crate::crypto::ethereum::{EthereumKey, keccak256};
use crate::crypto::signature::{PrivateKey, pub_key_hash};
use crate::domain::{Address, PackedPublicKey, PackedSignature, PubKeyHash, TxSignature};
use crate::domain::{PackedEthSignature, ZkSyncTx};

/// The keys of an account: one of Ethereum, whose address the account has, and one of zkSync, which
/// signs its transactions. Signatures are deterministic.
#[derive(Clone, Debug)]
pub struct Wallet {
    ethereum: EthereumKey,
    key: PrivateKey,
    public_key: PackedPublicKey,
    pub_key_hash: PubKeyHash,
}

impl Wallet {
    /// Derives both keys from a name; the same name gives the same keys. Takes some milliseconds.
    pub fn new(name: &str) -> Self {
        Self::from_seed(name.as_bytes())
    }

    /// Derives both keys from a seed of any length.
    pub fn from_seed(seed: &[u8]) -> Self {
        let mut secret = keccak256(&[seed]);
        let ethereum = loop {
            if let Some(key) = EthereumKey::from_bytes(&secret) {
                break key;
            }
            secret = keccak256(&[&secret]);
        };
        let key = PrivateKey::from_seed(seed);
        let public_key = PackedPublicKey(key.public_key());
        let pub_key_hash = PubKeyHash(pub_key_hash(&public_key.0).unwrap());
        Self { ethereum, key, public_key, pub_key_hash }
    }

    /// Returns the address of the Ethereum key.
    pub fn address(&self) -> Address {
        Address(self.ethereum.address())
    }

    /// Returns the hash of the zkSync key.
    pub fn pub_key_hash(&self) -> PubKeyHash {
        self.pub_key_hash
    }

    /// Signs a message with the zkSync key.
    ///
    /// # Panics
    /// If the message is longer than 92 bytes.
    pub fn sign(&self, message: &[u8]) -> TxSignature {
        TxSignature { pub_key: self.public_key, signature: PackedSignature(self.key.sign(message)) }
    }
}

impl Wallet {
    /// Signs a message with the Ethereum key, as `personal_sign` does.
    pub fn sign_ethereum(&self, message: &[u8]) -> PackedEthSignature {
        PackedEthSignature::from_bytes(self.ethereum.sign_message(message).unwrap())
    }

    /// Signs a transaction with the zkSync key, in its current form.
    ///
    /// # Panics
    /// If an amount or the fee exceeds its field.
    pub fn sign_tx(&self, tx: &mut ZkSyncTx) {
        match tx {
            ZkSyncTx::Transfer(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
            ZkSyncTx::Withdraw(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
            ZkSyncTx::Close(tx) => tx.signature = self.sign(&tx.signed_bytes()),
            ZkSyncTx::ChangePubKey(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
            ZkSyncTx::ForcedExit(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
            ZkSyncTx::MintNFT(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
            ZkSyncTx::Swap(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
            ZkSyncTx::WithdrawNFT(tx) => tx.signature = self.sign(&tx.signed_bytes().unwrap()),
        }
    }
}

impl From<&Wallet> for Address {
    fn from(wallet: &Wallet) -> Self {
        wallet.address()
    }
}
