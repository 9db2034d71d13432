//! Signs what tests send to a devnet over JSON-RPC.

use serde_json::{Value, json};

use super::accounts::{TEST_MNEMONIC, derive_from};
use super::requests::EthSignatures;
use super::wallet::Wallet;
use crate::domain::{AccountId, Address, ZkSyncTx};

/// Fee that is enough for every kind, in the smallest unit of ETH.
const FEE: u128 = 10u128.pow(13);

/// An account of the test mnemonic that signs transactions.
pub struct RequestSigner(Wallet);

impl RequestSigner {
    /// Returns the funded account with an index; its id is `index + 1` on a new chain.
    ///
    /// # Panics
    /// Never: each index has a key.
    #[allow(clippy::unwrap_used)]
    pub fn funded(index: u32) -> Self {
        let account = derive_from(TEST_MNEMONIC, index, 1).unwrap().remove(0);
        Self(Wallet::new(&account).unwrap())
    }

    /// Returns the address.
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// Returns the hash of the signing key.
    pub fn key_hash(&self) -> String {
        self.0.key_hash.to_string()
    }

    /// Returns the parameters of `tx_submit` that set the signing key, once it is authorised on
    /// layer 1.
    pub fn set_key(&self, account_id: u32, nonce: u32) -> Value {
        params(self.0.set_key(AccountId(account_id), nonce, FEE), EthSignatures::One(None))
    }

    /// Returns the parameters of `tx_submit` for a transfer of ETH.
    pub fn transfer(&self, account_id: u32, to: [u8; 20], amount: u128, nonce: u32) -> Value {
        let (tx, signatures) = self.0.transfer(AccountId(account_id), Address(to), amount, FEE, nonce);
        params(tx, signatures)
    }
}

fn params(tx: ZkSyncTx, signatures: EthSignatures) -> Value {
    json!([tx, signatures.sender(), null])
}
