//! Authorisation of a new key by the owner of an Ethereum address (docs/protocol/07-execution.md
//! §13, docs/protocol/03-operations.md §3.4).

use super::signer::signer_of;
use crate::crypto::ethereum::{keccak256, recover};
use crate::domain::tx::{ChangePubKey, ChangePubKeyEthAuthData};
use crate::domain::{Address, H256, PubKeyHash};

/// Returns true if the authorisation is valid. An on-chain one always is: only the contract can
/// refuse it.
pub(crate) fn is_authorised(tx: &ChangePubKey) -> bool {
    match (&tx.eth_auth_data, &tx.eth_signature) {
        (Some(ChangePubKeyEthAuthData::Onchain {}), _) | (None, None) => true,
        (Some(ChangePubKeyEthAuthData::Ecdsa { eth_signature, batch_hash }), _) => {
            *batch_hash == H256::default()
                && signer_of(eth_signature, &message(tx, batch_hash)) == Some(tx.account)
        }
        (Some(ChangePubKeyEthAuthData::Create2 { creator_address, salt_arg, code_hash }), _) => {
            create2_address(&tx.new_pk_hash, creator_address, salt_arg, code_hash) == tx.account
        }
        (Some(ChangePubKeyEthAuthData::Eip712 { eth_signature, .. }), _) => {
            let signer = |chain_id| recover(eth_signature.as_bytes(), &typed_data_hash(tx, chain_id));
            tx.chain_id.and_then(signer) == Some(tx.account.0)
        }
        (None, Some(signature)) => signer_of(signature, legacy_message(tx).as_bytes()) == Some(tx.account),
    }
}

/// Returns the message of `ECDSA`: key hash ‖ nonce ‖ account id ‖ batch hash.
fn message(tx: &ChangePubKey, batch_hash: &H256) -> Vec<u8> {
    let nonce = tx.nonce.0.to_be_bytes();
    let account_id = tx.account_id.0.to_be_bytes();
    [&tx.new_pk_hash.0[..], &nonce, &account_id, &batch_hash.0].concat()
}

/// Returns the message of the oldest form, 152 bytes.
fn legacy_message(tx: &ChangePubKey) -> String {
    let key = hex::encode(tx.new_pk_hash.0);
    let nonce = tx.nonce.0;
    let account_id = tx.account_id.0;
    format!(
        "Register zkSync pubkey:\n\n{key}\nnonce: 0x{nonce:08x}\naccount id: 0x{account_id:08x}\n\nOnly sign this message for a trusted client!"
    )
}

/// Returns the address at which `creator` deploys a contract for a key.
fn create2_address(key: &PubKeyHash, creator: &Address, salt_arg: &H256, code_hash: &H256) -> Address {
    let salt = keccak256(&[&salt_arg.0, &key.0]);
    let hash = keccak256(&[&[0xff], &creator.0, &salt, &code_hash.0]);
    Address(std::array::from_fn(|i| hash[12 + i]))
}

/// Returns the hash of the typed data of `EIP712` (docs/protocol/01-primitives.md §9).
fn typed_data_hash(tx: &ChangePubKey, chain_id: u64) -> [u8; 32] {
    let domain = keccak256(&[
        &keccak256(&[b"EIP712Domain(string name,string version,uint256 chainId)"]),
        &keccak256(&[b"ZkSync"]),
        &keccak256(&[b"1.0"]),
        &word(&chain_id.to_be_bytes()),
    ]);
    // Fixed bytes are padded at the end, integers at the start.
    let mut key = [0; 32];
    key[..20].copy_from_slice(&tx.new_pk_hash.0);
    let data = keccak256(&[
        &keccak256(&[b"ChangePubKey(bytes20 pubKeyHash,uint32 nonce,uint32 accountId)"]),
        &key,
        &word(&tx.nonce.0.to_be_bytes()),
        &word(&tx.account_id.0.to_be_bytes()),
    ]);
    keccak256(&[b"\x19\x01", &domain, &data])
}

/// Returns a big-endian integer of at most 32 bytes as 32 bytes.
fn word(integer: &[u8]) -> [u8; 32] {
    let mut word = [0; 32];
    word[32 - integer.len()..].copy_from_slice(integer);
    word
}
