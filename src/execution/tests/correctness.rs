//! Each check that needs no state has its text (docs/protocol/03-operations.md §3.2).

use super::super::correctness::{IncorrectOrder, check_order};
use super::super::*;
use crate::domain::tx::Order;
use crate::domain::{SignedZkSyncTx, ZkSyncTx};
use crate::testing::Wallet;
use serde_json::{Value, json};
use std::sync::LazyLock;

static WALLET: LazyLock<Wallet> = LazyLock::new(|| Wallet::new("alice"));
const TO: &str = "0x05e3066450dfcd4ee9ca4f2039d58883631f0460";
/// 2^128.
const TOO_BIG: &str = "340282366920938463463374607431768211456";
/// 2^35 + 1 has one digit too many for a packed amount.
const UNPACKABLE: &str = "34359738369";

fn unsigned() -> Value {
    json!({"pubKey": "00".repeat(32), "signature": "00".repeat(64)})
}

/// Signs a transaction that is given by its fields, and checks it.
fn check(fields: &Value) -> Result<(), String> {
    let mut tx: ZkSyncTx = serde_json::from_value(fields.clone()).unwrap();
    if tx.full_bytes().is_ok() {
        WALLET.sign_tx(&mut tx);
    }
    let signed = SignedZkSyncTx { tx, eth_sign_data: None, created_at: chrono::Utc::now() };
    VerifiedTx::new(signed).check_correctness().map_err(|incorrect| incorrect.to_string())
}

/// Checks that the transaction is correct, and what is wrong with it after each change of fields.
fn each(valid: Value, cases: &[(&[(&str, Value)], &str)]) {
    assert_eq!(check(&valid), Ok(()), "{valid}");
    for (changes, text) in cases {
        let mut fields = valid.clone();
        for (field, value) in *changes {
            *fields.pointer_mut(&format!("/{field}")).unwrap() = value.clone();
        }
        assert_eq!(check(&fields), Err((*text).to_owned()), "{changes:?}");
    }
}

const AMOUNT: &str = "Specified amount is greater than maximum supported amount";
const FEE: &str = "Specified fee amount is greater than maximum supported fee";
const AMOUNT_PACKING: &str = "Specified amount is not packable";
const FEE_PACKING: &str = "Specified fee is not packable";
const ACCOUNT: &str = "Specified Account Id is greater than maximum supported";
const TOKEN: &str = "Specified token is not supported";
const FEE_TOKEN: &str = "Specified token is not supported for paying fees";
const TIME: &str = "Specified time interval is not valid for the current time";
const SIGNATURE: &str = "L2 signature is incorrect";

#[test]
fn transfers() {
    let from = WALLET.address();
    let valid = json!({"type": "Transfer", "accountId": 5, "from": from, "to": TO, "token": 0, "amount": "1",
        "fee": "1", "nonce": 1, "validFrom": 0, "validUntil": 9, "signature": unsigned()});
    each(
        valid.clone(),
        &[
            (&[("amount", json!(TOO_BIG)), ("fee", json!(TOO_BIG))], AMOUNT),
            (&[("fee", json!(TOO_BIG)), ("amount", json!(UNPACKABLE))], FEE),
            (&[("amount", json!(UNPACKABLE)), ("fee", json!("2049"))], AMOUNT_PACKING),
            (&[("fee", json!("2049")), ("accountId", json!(16_777_215))], FEE_PACKING),
            (&[("accountId", json!(16_777_215)), ("token", json!(2_147_483_646))], ACCOUNT),
            (&[("token", json!(2_147_483_646))], TOKEN),
            (&[("token", json!(1_024))], FEE_TOKEN),
            (
                &[("to", json!("0x".to_owned() + &"00".repeat(20))), ("validFrom", json!(10))],
                "Transfer for specified address is not supported",
            ),
            (&[("validFrom", json!(10)), ("token", json!(1_024))], TIME),
        ],
    );
    let mut nft = valid.clone();
    nft["token"] = json!(65_536);
    nft["fee"] = json!("0");
    assert_eq!(check(&nft), Ok(()));
    let tx: ZkSyncTx = serde_json::from_value(valid).unwrap();
    let signed = SignedZkSyncTx { tx, eth_sign_data: None, created_at: chrono::Utc::now() };
    assert_eq!(VerifiedTx::new(signed).check_correctness().unwrap_err().to_string(), SIGNATURE);
}

#[test]
fn withdrawals_and_exits() {
    let from = WALLET.address();
    let withdraw = json!({"type": "Withdraw", "accountId": 5, "from": from, "to": TO, "token": 0, "amount": UNPACKABLE,
        "fee": "1", "nonce": 1, "validFrom": 0, "validUntil": 9, "signature": unsigned()});
    each(
        withdraw,
        &[
            (&[("amount", json!(TOO_BIG))], AMOUNT),
            (&[("fee", json!(TOO_BIG))], FEE),
            (&[("fee", json!("2049"))], FEE_PACKING),
            (&[("accountId", json!(16_777_215))], ACCOUNT),
            (&[("token", json!(1_024))], TOKEN),
            (&[("validFrom", json!(10))], TIME),
        ],
    );
    let exit = json!({"type": "ForcedExit", "initiatorAccountId": 5, "target": TO, "token": 0, "fee": "1",
        "nonce": 1, "validFrom": 0, "validUntil": 9, "signature": unsigned()});
    each(
        exit,
        &[
            (&[("fee", json!(TOO_BIG))], FEE),
            (&[("fee", json!("2049"))], FEE_PACKING),
            (&[("initiatorAccountId", json!(16_777_215))], ACCOUNT),
            (&[("token", json!(1_024))], TOKEN),
            (&[("validFrom", json!(10))], TIME),
        ],
    );
}

#[test]
fn key_changes() {
    let account = WALLET.address();
    let valid = json!({"type": "ChangePubKey", "accountId": 5, "account": account, "newPkHash": WALLET.pub_key_hash(),
        "feeToken": 0, "fee": "1", "nonce": 1, "signature": unsigned(), "ethSignature": null,
        "ethAuthData": {"type": "Onchain"}, "validFrom": 0, "validUntil": 9, "chainId": 9});
    let create2 = json!({"type": "CREATE2", "creatorAddress": TO, "saltArg": "0x".to_owned() + &"00".repeat(32),
        "codeHash": "0x".to_owned() + &"00".repeat(32)});
    each(
        valid,
        &[
            (&[("ethAuthData", create2), ("fee", json!(TOO_BIG))], "Specified auth data is incorrect"),
            (&[("fee", json!(TOO_BIG))], FEE),
            (&[("accountId", json!(16_777_215)), ("feeToken", json!(1_024))], ACCOUNT),
            (&[("feeToken", json!(1_024)), ("fee", json!("2049"))], FEE_TOKEN),
            (&[("fee", json!("2049"))], FEE_PACKING),
            (&[("validFrom", json!(10))], TIME),
            (&[("newPkHash", json!("sync:".to_owned() + &"11".repeat(20)))], SIGNATURE),
        ],
    );
}

#[test]
fn nfts() {
    let creator = WALLET.address();
    let mint = json!({"type": "MintNFT", "creatorId": 5, "creatorAddress": creator, "recipient": TO,
        "contentHash": "0x".to_owned() + &"00".repeat(32), "fee": "1", "feeToken": 0, "nonce": 1, "signature": unsigned()});
    let withdraw = json!({"type": "WithdrawNFT", "accountId": 5, "from": creator, "to": TO, "token": 65_536,
        "feeToken": 0, "fee": "1", "nonce": 1, "validFrom": 0, "validUntil": 9, "signature": unsigned()});
    for (valid, id) in [(mint, "creatorId"), (withdraw.clone(), "accountId")] {
        each(
            valid,
            &[
                (&[("fee", json!(TOO_BIG))], FEE),
                (&[("fee", json!("2049"))], FEE_PACKING),
                (&[(id, json!(16_777_215))], ACCOUNT),
                (&[("feeToken", json!(1_024))], FEE_TOKEN),
            ],
        );
    }
    each(withdraw, &[(&[("validFrom", json!(10)), ("feeToken", json!(1_024))], TIME)]);
}

#[test]
fn swaps_and_their_orders() {
    let order = json!({"accountId": 5, "recipient": TO, "nonce": 8, "tokenBuy": 1, "tokenSell": 0, "ratio": ["1", "1"],
        "amount": "1", "validFrom": 2, "validUntil": 9, "signature": unsigned()});
    let valid = json!({"type": "Swap", "submitterId": 5, "submitterAddress": WALLET.address(), "nonce": 6,
        "orders": [order, order], "amounts": ["1", "1"], "fee": "1", "feeToken": 1, "signature": unsigned()});
    each(
        valid,
        &[
            (&[("amounts/0", json!(TOO_BIG))], AMOUNT),
            (&[("amounts/1", json!(UNPACKABLE))], AMOUNT_PACKING),
            (&[("orders/1/amount", json!(UNPACKABLE))], AMOUNT_PACKING),
            (&[("fee", json!(TOO_BIG))], FEE_PACKING),
            (&[("submitterId", json!(16_777_215)), ("feeToken", json!(1_024))], ACCOUNT),
            (&[("feeToken", json!(1_024)), ("orders/0/accountId", json!(16_777_215))], FEE_TOKEN),
            (
                &[("orders/0/ratio/1", json!((1u128 << 120).to_string())), ("orders/0/validFrom", json!(10))],
                "Error in 0 order: Specified price is greater than supported",
            ),
            (
                &[("orders/1/accountId", json!(16_777_215))],
                "Error in 1 order: Specified sender account id is greater than maximum supported",
            ),
            (
                &[("orders/1/recipient", json!("0x".to_owned() + &"00".repeat(20)))],
                "Error in 1 order: Specified recipient address is not supported",
            ),
            (
                &[("orders/0/tokenBuy", json!(2_147_483_646)), ("orders/0/tokenSell", json!(2_147_483_646))],
                "Error in 0 order: Specified buy token is not supported",
            ),
            (
                &[("orders/0/tokenSell", json!(2_147_483_646))],
                "Error in 0 order: Specified sell token is not supported",
            ),
            (
                &[("orders/0/validFrom", json!(10))],
                "Error in 0 order: Specified time interval is not valid for the current time",
            ),
            // Each order has a range, but both have no time in common.
            (&[("orders/0/validUntil", json!(3)), ("orders/1/validFrom", json!(4))], TIME),
        ],
    );
    let order: Order = serde_json::from_value(order).unwrap();
    assert_eq!(check_order(&order), Ok(()));
    let other = Order { recipient: crate::domain::Address::default(), ..order };
    assert_eq!(check_order(&other), Err(IncorrectOrder::Recipient));
}

#[test]
fn transactions_are_completed_before_their_signature_is_checked() {
    let from = WALLET.address();
    let mut tx: ZkSyncTx =
        serde_json::from_value(json!({"type": "Withdraw", "accountId": 5, "from": from, "to": TO,
        "token": 0, "amount": "1", "fee": "1", "nonce": 1, "signature": unsigned()}))
        .unwrap();
    complete(&mut tx, 9);
    assert_eq!(serde_json::to_value(&tx).unwrap()["validUntil"], u64::MAX);
    let mut tx: ZkSyncTx = serde_json::from_value(json!({"type": "ChangePubKey", "accountId": 5, "account": from,
        "newPkHash": WALLET.pub_key_hash(), "nonce": 1, "ethSignature": null, "ethAuthData": null, "chainId": 1}))
    .unwrap();
    complete(&mut tx, 9);
    assert_eq!(serde_json::to_value(&tx).unwrap()["chainId"], 9);
}
