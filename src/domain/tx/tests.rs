//! Signed forms and signatures against the reference (`tests/vectors/primitives.json.zst`) and
//! docs/protocol/03-operations.md §3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::crypto::signature;
use crate::domain::{AccountId, Address, AmountError, Nonce, PriorityOp, PubKeyHash, TokenId, TxHash};
use crate::testing::naive_signature;
use num_bigint::BigUint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn vectors() -> Vec<Value> {
    let packed = include_bytes!("../../../tests/vectors/primitives.json.zst");
    let mut all: Value = serde_json::from_slice(&zstd::decode_all(&packed[..]).unwrap()).unwrap();
    std::mem::take(all["signatures"].as_array_mut().unwrap())
}

/// Returns kind, signature, current and legacy signed form of a transaction.
fn forms(tx: &ZkSyncTx) -> (&'static str, TxSignature, Vec<u8>, Option<Vec<u8>>) {
    let (kind, signature, current, legacy) = match tx {
        ZkSyncTx::Transfer(tx) => {
            ("Transfer", tx.signature, tx.signed_bytes(), Some(tx.legacy_signed_bytes()))
        }
        ZkSyncTx::Withdraw(tx) => {
            ("Withdraw", tx.signature, tx.signed_bytes(), Some(tx.legacy_signed_bytes()))
        }
        ZkSyncTx::ChangePubKey(tx) => {
            ("ChangePubKey", tx.signature, tx.signed_bytes(), Some(tx.legacy_signed_bytes()))
        }
        ZkSyncTx::ForcedExit(tx) => {
            ("ForcedExit", tx.signature, tx.signed_bytes(), Some(tx.legacy_signed_bytes()))
        }
        ZkSyncTx::MintNFT(tx) => ("MintNFT", tx.signature, tx.signed_bytes(), None),
        ZkSyncTx::Swap(tx) => ("Swap", tx.signature, tx.signed_bytes(), None),
        ZkSyncTx::WithdrawNFT(tx) => ("WithdrawNFT", tx.signature, tx.signed_bytes(), None),
        ZkSyncTx::Close(_) => panic!("a Close has no vector"),
    };
    (kind, signature, current.unwrap(), legacy.map(Result::unwrap))
}

/// Returns the hash of the key if the signature over `message` is valid.
fn signer(signature: TxSignature, message: &[u8]) -> Option<PubKeyHash> {
    signature::verify(&signature.pub_key.0, &signature.signature.0, message).map(PubKeyHash)
}

/// Returns the hash of the key that signed, and the form it signed, the legacy one if it signed
/// both.
fn signer_of(tx: &ZkSyncTx) -> Option<(PubKeyHash, TxVersion)> {
    let (_, signature, current, legacy) = forms(tx);
    let legacy = legacy.and_then(|legacy| Some((signer(signature, &legacy)?, TxVersion::Legacy)));
    legacy.or_else(|| Some((signer(signature, &current)?, TxVersion::V1)))
}

#[test]
fn signed_forms_hashes_and_signers_equal_the_reference() {
    for case in vectors() {
        let kind = case["kind"].as_str().unwrap();
        let tx: ZkSyncTx = serde_json::from_value(case["tx"].clone()).unwrap();
        assert_eq!(serde_json::to_value(&tx).unwrap(), case["tx"], "{kind}");
        let (_, _, current, legacy) = forms(&tx);
        assert_eq!(hex::encode(&current), case["v1_bytes"], "{kind}");
        assert_eq!(json!(legacy.map(hex::encode)), case["old_bytes"], "{kind}");
        assert_eq!(TxHash::of(&tx).unwrap().to_string(), case["tx_hash"], "{kind}");
        let (key, version) = signer_of(&tx).unwrap();
        assert_eq!(json!(key), case["signer_pub_key_hash"], "{kind}");
        assert_eq!(json!(version), case["version"], "{kind}");
        if let ZkSyncTx::Swap(swap) = &tx {
            for (order, expected) in
                [&swap.orders.0, &swap.orders.1].into_iter().zip(case["orders"].as_array().unwrap())
            {
                let message = order.signed_bytes().unwrap();
                assert_eq!(hex::encode(&message), expected["bytes"], "{kind}");
                assert_eq!(json!(signer(order.signature, &message)), expected["signer"], "{kind}");
            }
        }
        let mut changed = case["tx"].clone();
        changed["signature"]["signature"] = case["mutated_signature"].clone();
        let changed: ZkSyncTx = serde_json::from_value(changed).unwrap();
        assert_eq!(signer_of(&changed), None, "{kind}");
    }
}

/// The batch has legacy, current and damaged signatures, and those of the neutral key, which are
/// valid over both forms.
#[test]
fn a_batch_of_signatures_equals_one_by_one_with_the_legacy_form_first() {
    let mut all = Vec::new();
    for case in vectors() {
        let mut changed = case["tx"].clone();
        changed["signature"]["signature"] = case["mutated_signature"].clone();
        for tx in [case["tx"].clone(), changed] {
            match serde_json::from_value(tx).unwrap() {
                ZkSyncTx::Transfer(tx) => all.push(tx.signed_forms()),
                ZkSyncTx::Withdraw(tx) => all.push(tx.signed_forms()),
                ZkSyncTx::ChangePubKey(tx) => all.push(tx.signed_forms()),
                ZkSyncTx::ForcedExit(tx) => all.push(tx.signed_forms()),
                _ => {}
            }
        }
    }
    // With the token of an NFT a transfer has no legacy form.
    all.extend([transfer(0), transfer(65_536)].iter().map(Transfer::signed_forms));
    let one_by_one = |forms: &SignedForms| {
        forms.claims().find_map(|(version, claim)| {
            let key = naive_signature::verify(claim.pub_key, claim.signature, claim.message)?;
            Some((PubKeyHash(key), version))
        })
    };
    let expected: Vec<_> = all.iter().map(one_by_one).collect();
    for version in [TxVersion::Legacy, TxVersion::V1] {
        assert!(expected.iter().flatten().filter(|(_, signed)| *signed == version).count() > 1);
    }
    assert!(expected.contains(&None));
    let neutral = &expected[expected.len() - 2..];
    assert!(matches!(neutral, [Some((_, TxVersion::Legacy)), Some((_, TxVersion::V1))]), "{neutral:?}");
    assert_eq!(SignedForms::verify_batch(&all), expected);
}

fn transfer(token: u32) -> Transfer {
    Transfer {
        account_id: AccountId(1),
        from: Address([1; 20]),
        to: Address([2; 20]),
        token: TokenId(token),
        amount: 1u8.into(),
        fee: 0u8.into(),
        nonce: Nonce(0),
        time_range: None,
        signature: TxSignature::default(),
    }
}

#[test]
fn forms_have_the_lengths_of_the_specification() {
    let lengths: Vec<_> = vectors()
        .into_iter()
        .map(|case| serde_json::from_value::<ZkSyncTx>(case["tx"].clone()).unwrap())
        .map(|tx| {
            let (kind, _, current, _) = forms(&tx);
            (kind, current.len())
        })
        .collect();
    for (kind, length) in [
        ("Transfer", 77),
        ("ChangePubKey", 72),
        ("ForcedExit", 52),
        ("MintNFT", 88),
        ("WithdrawNFT", 76),
        ("Swap", 77),
    ] {
        assert!(lengths.contains(&(kind, length)), "{kind}");
        assert!(lengths.iter().all(|(k, l)| *k != kind || *l == length), "{kind}");
    }
    assert!(lengths.contains(&("Withdraw", 88)) && lengths.contains(&("Withdraw", 72)));
}

#[test]
fn legacy_forms_have_no_room_for_large_tokens() {
    assert_eq!(transfer(65_535).legacy_signed_bytes().unwrap().len(), 58);
    assert_eq!(transfer(65_536).legacy_signed_bytes(), Ok(Vec::new()));
    let mut with_range = transfer(0);
    with_range.time_range = Some(TimeRange::default());
    assert_eq!(with_range.legacy_signed_bytes().unwrap().len(), 74);
    let exit: ForcedExit = serde_json::from_value(json!({
        "initiatorAccountId": 1, "target": Address([1; 20]), "token": 65_537, "fee": "0", "nonce": 0,
        "signature": TxSignature::default()
    }))
    .unwrap();
    let bytes = exit.legacy_signed_bytes().unwrap();
    assert_eq!((bytes.len(), &bytes[25..27]), (49, &[0, 1][..]));
}

#[test]
fn a_form_with_an_amount_above_128_bits_is_refused_and_was_not_signed() {
    let mut tx = transfer(0);
    tx.amount = BigUint::from(1u8) << 128u32;
    assert_eq!(tx.signed_bytes(), Err(AmountError::TooBig.into()));
    assert_eq!(SignedForms::verify_batch(&[tx.signed_forms()]), [None]);
}

#[test]
fn unsigned_transactions_are_signed_by_the_neutral_point() {
    // By the rules of docs/protocol/01-primitives.md §8.3. No account has that key hash, so this
    // authorises nothing.
    let verified = SignedForms::verify_batch(&[transfer(0).signed_forms()]);
    let (signer, version) = verified[0].unwrap();
    assert_eq!((signer == PubKeyHash::default(), version), (false, TxVersion::Legacy));
}

#[test]
fn the_hash_of_orders_equals_the_specification() {
    let order = |account: u32, recipient: &str, nonce: u32, prices: (u8, u8), amount: u64| -> Order {
        serde_json::from_value(json!({
            "accountId": account, "recipient": recipient, "nonce": nonce, "tokenBuy": 1023, "tokenSell": 1023,
            "ratio": [prices.0, prices.1], "amount": amount, "validFrom": 0, "validUntil": u64::MAX,
            "signature": TxSignature::default()
        }))
        .unwrap()
    };
    let mut swap: Swap = serde_json::from_value(json!({
        "submitterId": 1, "submitterAddress": Address([1; 20]), "nonce": 0, "amounts": [0, 0], "fee": "0", "feeToken": 0,
        "orders": [
            order(4, "204dba8e9e8bf90f5889fe4bdc0f37265dbb05e3", 412184582, (12, 18), 12000000000),
            order(16777214, "50dfcd4ee9ca4f2039d58883631f0460e0e0668f", 119487968, (18, 12), 18000000000),
        ],
        "signature": TxSignature::default()
    }))
    .unwrap();
    let message = swap.signed_bytes().unwrap();
    assert_eq!(
        hex::encode(&message[30..61]),
        "8d2f227c69cb8d3dc16e20cb1b6829d1ee5d97d276ada6c6e6f71e3bccdc17"
    );
    swap.orders.1.ratio.0 = BigUint::from(1u8) << 120u32;
    assert_eq!(swap.signed_bytes(), Err(AmountError::TooBig.into()));
    swap.orders.1.ratio.0 -= 1u8;
    assert!(swap.signed_bytes().is_ok());
}

#[test]
fn half_a_time_range_is_ignored() {
    let mut json = serde_json::to_value(transfer(0)).unwrap();
    assert!(json.get("validFrom").is_none());
    json["validFrom"] = json!(5);
    assert_eq!(serde_json::from_value::<Transfer>(json.clone()).unwrap().time_range, None);
    json["validUntil"] = json!("6");
    assert_eq!(serde_json::from_value::<Transfer>(json.clone()).unwrap().time_range, None);
    json["validUntil"] = json!(6);
    let range = serde_json::from_value::<Transfer>(json).unwrap().time_range.unwrap();
    assert_eq!((range.valid_from, range.valid_until), (5, 6));
}

#[test]
fn missing_keys_have_their_defaults() {
    let change: ZkSyncTx = serde_json::from_value(json!({
        "type": "ChangePubKey", "accountId": 1, "account": Address([1; 20]),
        "newPkHash": PubKeyHash([2; 20]), "nonce": 0
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_string(&change).unwrap(),
        format!(
            r#"{{"type":"ChangePubKey","accountId":1,"account":"0x{}","newPkHash":"sync:{}","feeToken":0,"fee":"0","nonce":0,"signature":{{"pubKey":"01{}","signature":"01{}"}},"ethSignature":null,"ethAuthData":null,"chainId":null}}"#,
            "01".repeat(20),
            "02".repeat(20),
            "00".repeat(31),
            "00".repeat(63)
        )
    );
}

#[test]
fn batches_and_priority_operations_have_a_hash() {
    let hashes = [TxHash([1; 32]), TxHash([2; 32])];
    // SHA-256 of 32 bytes of 1 and 32 bytes of 2.
    assert_eq!(TxHash::of_batch(&hashes).0, <[u8; 32]>::from(Sha256::digest([[1; 32], [2; 32]].concat())));
    let op: PriorityOp = serde_json::from_value(json!({
        "serial_id": 7, "deadline_block": 100, "eth_hash": [9], "eth_block": 5, "eth_block_index": null,
        "data": {"type": "FullExit", "account_id": 1, "eth_address": format!("0x{}", "11".repeat(20)), "token": 2}
    }))
    .unwrap();
    let mut bytes = [0; 56];
    bytes[31] = 9;
    bytes[39] = 5;
    bytes[55] = 7;
    assert_eq!(TxHash::of_priority_op(&op).0, <[u8; 32]>::from(Sha256::digest(bytes)));
}
