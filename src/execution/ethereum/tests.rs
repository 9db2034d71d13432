//! Messages as the official SDK signs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::domain::tx::Order;
use crate::domain::{Address, PubKeyHash, TokenId, ZkSyncTx};
use serde_json::{Value, json};

fn tokens(id: TokenId) -> Option<TokenText> {
    let (symbol, decimals) = match id.0 {
        0 => ("ETH", 18),
        1 => ("USDC", 6),
        _ => return None,
    };
    Some(TokenText { symbol: symbol.into(), decimals })
}

const FROM: &str = "0x1f04204dba8e9e8bf90f5889fe4bdc0f37265dbb";
const TO: &str = "0x05e3066450dfcd4ee9ca4f2039d58883631f0460";

fn tx(mut fields: Value) -> ZkSyncTx {
    let signature = json!({"pubKey": "00".repeat(32), "signature": "00".repeat(64)});
    fields["signature"] = signature;
    serde_json::from_value(fields).unwrap()
}

fn transfer(amount: &str, fee: &str, nonce: u32) -> ZkSyncTx {
    tx(json!({"type": "Transfer", "accountId": 5, "from": FROM, "to": TO, "token": 0, "amount": amount,
        "fee": fee, "nonce": nonce, "validFrom": 0, "validUntil": 9}))
}

fn key_change() -> ZkSyncTx {
    tx(
        json!({"type": "ChangePubKey", "accountId": 5, "account": FROM, "newPkHash": format!("sync:{}", "ab".repeat(20)),
        "feeToken": 0, "fee": "1000000000000000", "nonce": 3, "ethSignature": null, "ethAuthData": null}),
    )
}

#[test]
fn each_kind_has_its_message() {
    let hash = format!("0x{}", "11".repeat(32));
    let of = |tx: &ZkSyncTx| message(tx, &tokens).unwrap();
    assert_eq!(
        of(&transfer("1500000000000000000", "1000000000000", 1)),
        format!("Transfer 1.5 ETH to: {TO}\nFee: 0.000001 ETH\nNonce: 1")
    );
    assert_eq!(of(&transfer("1", "0", 1)), format!("Transfer 0.000000000000000001 ETH to: {TO}\nNonce: 1"));
    assert_eq!(of(&transfer("0", "0", 7)), "Nonce: 7");
    let withdraw = tx(json!({"type": "Withdraw", "accountId": 5, "from": FROM, "to": TO, "token": 1,
        "amount": "7000000", "fee": "10", "nonce": 2}));
    assert_eq!(of(&withdraw), format!("Withdraw 7.0 USDC to: {TO}\nFee: 0.00001 USDC\nNonce: 2"));
    let exit = tx(
        json!({"type": "ForcedExit", "initiatorAccountId": 5, "target": TO, "token": 0, "fee": "0", "nonce": 2}),
    );
    assert_eq!(of(&exit), format!("ForcedExit ETH to: {TO}\nNonce: 2"));
    let mint = tx(json!({"type": "MintNFT", "creatorId": 5, "creatorAddress": FROM, "contentHash": hash,
        "recipient": TO, "fee": "1000000", "feeToken": 1, "nonce": 4}));
    assert_eq!(of(&mint), format!("MintNFT {hash} for: {TO}\nFee: 1.0 USDC\nNonce: 4"));
    let withdraw = tx(json!({"type": "WithdrawNFT", "accountId": 5, "from": FROM, "to": TO, "token": 65_540,
        "feeToken": 0, "fee": "1", "nonce": 5, "validFrom": 0, "validUntil": 9}));
    assert_eq!(of(&withdraw), format!("WithdrawNFT 65540 to: {TO}\nFee: 0.000000000000000001 ETH\nNonce: 5"));
    let nft = tx(
        json!({"type": "Transfer", "accountId": 5, "from": FROM, "to": TO, "token": 65_540, "amount": "1",
        "fee": "0", "nonce": 1}),
    );
    assert_eq!(of(&nft), format!("Transfer 1.0 NFT-65540 to: {TO}\nNonce: 1"));
    assert_eq!(message(&key_change(), &tokens), None);
    let unknown =
        tx(json!({"type": "Transfer", "accountId": 5, "from": FROM, "to": TO, "token": 7, "amount": "1",
        "fee": "0", "nonce": 1}));
    assert_eq!(message(&unknown, &tokens), None);
}

#[test]
fn older_messages_have_five_lines() {
    assert_eq!(
        legacy_message(&transfer("1000000000000000000", "0", 1), &tokens).unwrap(),
        format!("Transfer 1.0 ETH\nTo: {TO}\nNonce: 1\nFee: 0.0 ETH\nAccount Id: 5")
    );
    assert_eq!(legacy_message(&key_change(), &tokens), None);
}

#[test]
fn orders_have_a_message_with_or_without_an_amount() {
    let order = |amount: &str| -> Order {
        serde_json::from_value(
            json!({"accountId": 5, "recipient": TO, "nonce": 8, "tokenBuy": 1, "tokenSell": 0,
            "ratio": ["1", "2000"], "amount": amount, "validFrom": 0, "validUntil": 9,
            "signature": {"pubKey": "00".repeat(32), "signature": "00".repeat(64)}}),
        )
        .unwrap()
    };
    let rest = format!("Ratio: 1:2000\nAddress: {TO}\nNonce: 8");
    let of = |amount| order_message(&order(amount), &tokens).unwrap();
    assert_eq!(of("2000000000000000000"), format!("Order for 2.0 ETH -> USDC\n{rest}"));
    assert_eq!(of("0"), format!("Limit order for ETH -> USDC\n{rest}"));
    let swap = tx(json!({"type": "Swap", "submitterId": 5, "submitterAddress": FROM, "nonce": 6,
        "orders": [order("0"), order("0")], "amounts": ["1", "1"], "fee": "5000000", "feeToken": 1}));
    assert_eq!(message(&swap, &tokens).unwrap(), "Swap fee: 5.0 USDC\nNonce: 6");
}

#[test]
fn a_batch_has_a_text_for_each_run_of_one_sender() {
    let a: Address = FROM.parse().unwrap();
    let b: Address = TO.parse().unwrap();
    let one = transfer("1000000000000000000", "0", 1);
    let two = transfer("2000000000000000000", "1000000000000000000", 2);
    let line = |amount: &str| format!("Transfer {amount}.0 ETH to: {TO}");
    let key = format!("Set signing key: {}\nFee: 0.001 ETH", "ab".repeat(20));
    let change = key_change();
    let of = |txs: &[(&ZkSyncTx, Address)]| batch_messages(txs, &tokens).unwrap();
    assert_eq!(
        of(&[(&change, a), (&one, a), (&two, a)]),
        [format!("{key}\n{}\n{}\nFee: 1.0 ETH\nNonce: 3", line("1"), line("2"))]
    );
    assert_eq!(
        of(&[(&one, a), (&two, b), (&one, a)]),
        [format!(
            "From: {FROM}\n{}\nNonce: 1\n\nFrom: {TO}\n{}\nFee: 1.0 ETH\nNonce: 2\n\nFrom: {FROM}\n{}\nNonce: 1",
            line("1"),
            line("2"),
            line("1")
        )]
    );
    // Without a line of any transaction, the reference keeps an empty one and the SDK does not.
    let nothing = transfer("0", "0", 4);
    assert_eq!(of(&[(&nothing, a), (&nothing, a)]), ["\nNonce: 4", "Nonce: 4"]);
}

#[test]
fn older_clients_sign_a_hash_of_the_legacy_forms() {
    let one = transfer("1", "0", 1);
    let change = key_change();
    let message = legacy_batch_message(&[&one, &change]).unwrap();
    let ZkSyncTx::Transfer(transfer) = &one else { panic!() };
    let ZkSyncTx::ChangePubKey(key_change) = &change else { panic!() };
    let bytes = [transfer.legacy_signed_bytes().unwrap(), key_change.legacy_signed_bytes().unwrap()].concat();
    assert_eq!(message, crate::crypto::ethereum::keccak256(&[&bytes]));
    let nft = tx(
        json!({"type": "Transfer", "accountId": 5, "from": FROM, "to": TO, "token": 65_540, "amount": "1",
        "fee": "0", "nonce": 1}),
    );
    assert_eq!(legacy_batch_message(&[&one, &nft]), None);
}

#[test]
fn two_factor_messages_name_the_time_and_the_key() {
    let on = two_factor_message(true, 5, None);
    assert!(on.starts_with("By signing this message, you are opting into"));
    assert!(on.ends_with("private key.\nTimestamp: 5"), "{on}");
    let off = two_factor_message(false, 6, Some(&PubKeyHash([0xab; 20])));
    assert_eq!(off.lines().count(), 5);
    assert!(off.ends_with(&format!("SAFE!\nTimestamp: 6\nPubKeyHash: sync:{}", "ab".repeat(20))), "{off}");
}
