//! Signed forms and signatures against the reference's (`tests/vectors/primitives.json.zst`) and spec 03 §3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::domain::{AccountId, Address, AmountError, PubKeyHash, TokenId};
use crate::testing::naive_signature;
use num_bigint::BigUint;
use serde_json::{Value, json};

fn vectors() -> Vec<Value> {
    let packed = include_bytes!("../../../tests/vectors/primitives.json.zst");
    let mut all: Value = serde_json::from_slice(&zstd::decode_all(&packed[..]).unwrap()).unwrap();
    std::mem::take(all["signatures"].as_array_mut().unwrap())
}

fn current(tx: &ZkSyncTx) -> Vec<u8> {
    match tx {
        ZkSyncTx::Transfer(tx) => tx.signed_bytes().unwrap(),
        ZkSyncTx::Withdraw(tx) => tx.signed_bytes().unwrap(),
        ZkSyncTx::Close(tx) => tx.signed_bytes(),
        ZkSyncTx::ChangePubKey(tx) => tx.signed_bytes().unwrap(),
        ZkSyncTx::ForcedExit(tx) => tx.signed_bytes().unwrap(),
        ZkSyncTx::MintNFT(tx) => tx.signed_bytes().unwrap(),
        ZkSyncTx::Swap(tx) => tx.signed_bytes().unwrap(),
        ZkSyncTx::WithdrawNFT(tx) => tx.signed_bytes().unwrap(),
    }
}

fn legacy(tx: &ZkSyncTx) -> Option<Vec<u8>> {
    match tx {
        ZkSyncTx::Transfer(tx) => tx.legacy_signed_bytes().ok(),
        ZkSyncTx::Withdraw(tx) => tx.legacy_signed_bytes().ok(),
        ZkSyncTx::ChangePubKey(tx) => tx.legacy_signed_bytes().ok(),
        ZkSyncTx::ForcedExit(tx) => tx.legacy_signed_bytes().ok(),
        _ => None,
    }
}

#[test]
fn signed_forms_hashes_and_signers_are_the_references() {
    for case in vectors() {
        let kind = case["kind"].as_str().unwrap();
        let tx: ZkSyncTx = serde_json::from_value(case["tx"].clone()).unwrap();
        assert_eq!(serde_json::to_value(&tx).unwrap(), case["tx"], "{kind}");
        assert_eq!(hex::encode(current(&tx)), case["v1_bytes"], "{kind}");
        assert_eq!(json!(legacy(&tx).map(hex::encode)), case["old_bytes"], "{kind}");
        assert_eq!(json!(tx.hash().unwrap()), case["tx_hash"], "{kind}");
        let (signer, version) = tx.verify_signature().unwrap();
        assert_eq!(json!(signer), case["signer_pub_key_hash"], "{kind}");
        assert_eq!(json!(version), case["version"], "{kind}");
        if let ZkSyncTx::Swap(swap) = &tx {
            for (order, expected) in
                [&swap.orders.0, &swap.orders.1].into_iter().zip(case["orders"].as_array().unwrap())
            {
                assert_eq!(hex::encode(order.signed_bytes().unwrap()), expected["bytes"], "{kind}");
                assert_eq!(json!(order.verify_signature()), expected["signer"], "{kind}");
            }
        }
        let mut changed = case["tx"].clone();
        changed["signature"]["signature"] = case["mutated_signature"].clone();
        let changed: ZkSyncTx = serde_json::from_value(changed).unwrap();
        assert_eq!(changed.verify_signature(), None, "{kind}");
    }
}

/// Many at once, in whatever order they are tried, give what one after the other gives with the old form first: old and current
/// signatures, damaged ones, and those of the neutral key, which are valid over both forms.
#[test]
fn a_batch_of_signatures_equals_one_after_the_other_with_the_old_form_first() {
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
    // Under the token of an NFT there is no old form.
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
        nonce: crate::domain::Nonce(0),
        time_range: None,
        signature: TxSignature::default(),
    }
}

#[test]
fn forms_have_the_lengths_of_the_specification() {
    let lengths: Vec<_> = vectors()
        .into_iter()
        .map(|case| serde_json::from_value::<ZkSyncTx>(case["tx"].clone()).unwrap())
        .map(|tx| (tx.kind(), current(&tx).len()))
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
    let close: Close = serde_json::from_value(json!({
        "account": Address([1; 20]), "nonce": 0, "signature": TxSignature::default(), "timeRange": TimeRange::default()
    }))
    .unwrap();
    assert_eq!(close.signed_bytes().len(), 41);
}

#[test]
fn old_forms_know_no_large_tokens() {
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
fn amounts_without_a_place_are_errors_and_verify_as_nothing() {
    let mut tx = transfer(0);
    tx.amount = BigUint::from(1u8) << 128u32;
    assert_eq!(tx.signed_bytes(), Err(AmountError::TooBig.into()));
    assert_eq!(tx.verify_signature(), None);
}

#[test]
fn unsigned_transactions_are_signed_by_the_neutral_point() {
    // By the rules of spec 01 §8.3; no account has that key hash, so nothing is let in.
    let (signer, version) = transfer(0).verify_signature().unwrap();
    assert_eq!((signer.is_zero(), version), (false, TxVersion::Legacy));
}

#[test]
fn orders_hash_is_that_of_the_specification() {
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
    assert_eq!(swap.full_bytes().unwrap().len(), 224);
    swap.orders.1.ratio.0 = BigUint::from(1u8) << 120u32;
    assert_eq!(swap.signed_bytes(), Err(AmountError::TooBig.into()));
    swap.orders.1.ratio.0 -= 1u8;
    assert!(swap.signed_bytes().is_ok());
}

#[test]
fn half_a_time_range_is_none() {
    let mut json = serde_json::to_value(transfer(0)).unwrap();
    assert!(json.get("validFrom").is_none());
    json["validFrom"] = json!(5);
    assert_eq!(serde_json::from_value::<Transfer>(json.clone()).unwrap().time_range, None);
    json["validUntil"] = json!("6");
    assert_eq!(serde_json::from_value::<Transfer>(json.clone()).unwrap().time_range, None);
    json["validUntil"] = json!(6);
    let range = serde_json::from_value::<Transfer>(json).unwrap().time_range.unwrap();
    assert_eq!((range.valid_from, range.valid_until), (5, 6));
    assert!(range.contains(5) && range.contains(6) && !range.contains(4) && !range.contains(7));
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
fn batch_hash_is_over_the_hashes() {
    let hash = batch_hash(&[TxHash([1; 32]), TxHash([2; 32])]);
    assert_eq!(hash.0[..], Sha256::digest([[1; 32], [2; 32]].concat())[..]);
}
