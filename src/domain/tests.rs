//! Properties of all JSON types: order of keys, round trips, and no panic on any input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::account::Nft;
use super::*;
use crate::crypto::Fr;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const ADDRESS: &str = "0x2a0a81e257a2f5d6ed4f07b81dbda09f107bd026";

fn hash() -> String {
    format!("0x{}", "4d".repeat(32))
}

/// Reads the text, checks that it is written back unmodified, and returns the value.
pub(super) fn round_trip<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let value: T = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    value
}

/// Reads the object and checks that it is written back unmodified, with these keys in this order.
fn assert_keys<T: Serialize + DeserializeOwned>(keys: &str, json: Value) {
    let typed: T = serde_json::from_value(json.clone()).unwrap();
    let text = serde_json::to_string(&typed).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(written, json);
    let written: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
    assert_eq!(written.join(", "), keys);
}

/// The key order of docs/protocol/02-types-json.md §2.
#[test]
fn transactions_are_written_in_the_order_of_the_specification() {
    let signature = json!(TxSignature::default());
    let order = json!({
        "accountId": 1, "recipient": ADDRESS, "nonce": 1, "tokenBuy": 1, "tokenSell": 2, "ratio": ["1", "2"],
        "amount": "3", "validFrom": 0, "validUntil": u64::MAX, "signature": signature
    });
    assert_keys::<Order>(
        "accountId, recipient, nonce, tokenBuy, tokenSell, ratio, amount, validFrom, validUntil, signature",
        order.clone(),
    );
    for (keys, tx) in [
        (
            "type, accountId, from, to, token, amount, fee, nonce, validFrom, validUntil, signature",
            json!({"type": "Transfer", "accountId": 1, "from": ADDRESS, "to": ADDRESS, "token": 1, "amount": "1",
                "fee": "2", "nonce": 3, "validFrom": 4, "validUntil": 5, "signature": signature}),
        ),
        (
            "type, accountId, from, to, token, amount, fee, nonce, signature, fast, validFrom, validUntil",
            json!({"type": "Withdraw", "accountId": 1, "from": ADDRESS, "to": ADDRESS, "token": 1, "amount": "1",
                "fee": "2", "nonce": 3, "validFrom": 4, "validUntil": 5, "signature": signature, "fast": true}),
        ),
        (
            "type, account, nonce, signature, timeRange",
            json!({"type": "Close", "account": ADDRESS, "nonce": 1, "signature": signature,
                "timeRange": {"validFrom": 1, "validUntil": 2}}),
        ),
        (
            "type, accountId, account, newPkHash, feeToken, fee, nonce, signature, ethSignature, ethAuthData, validFrom, \
             validUntil, chainId",
            json!({"type": "ChangePubKey", "accountId": 1, "account": ADDRESS, "newPkHash": PubKeyHash([1; 20]),
                "feeToken": 0, "fee": "0", "nonce": 1, "signature": signature, "ethSignature": null,
                "ethAuthData": {"type": "Onchain"}, "validFrom": 1, "validUntil": 2, "chainId": 9}),
        ),
        (
            "type, initiatorAccountId, target, token, fee, nonce, signature, validFrom, validUntil",
            json!({"type": "ForcedExit", "initiatorAccountId": 1, "target": ADDRESS, "token": 1, "fee": "2", "nonce": 3,
                "validFrom": 4, "validUntil": 5, "signature": signature}),
        ),
        (
            "type, creatorId, creatorAddress, contentHash, recipient, fee, feeToken, nonce, signature",
            json!({"type": "MintNFT", "creatorId": 1, "creatorAddress": ADDRESS, "contentHash": hash(),
                "recipient": ADDRESS, "fee": "1", "feeToken": 2, "nonce": 3, "signature": signature}),
        ),
        (
            "type, submitterId, submitterAddress, nonce, orders, amounts, fee, feeToken, signature",
            json!({"type": "Swap", "submitterId": 1, "submitterAddress": ADDRESS, "nonce": 1, "orders": [order, order],
                "amounts": ["1", "2"], "fee": "3", "feeToken": 4, "signature": signature}),
        ),
        (
            "type, accountId, from, to, token, feeToken, fee, nonce, signature, fast, validFrom, validUntil",
            json!({"type": "WithdrawNFT", "accountId": 1, "from": ADDRESS, "to": ADDRESS, "token": 65_536,
                "feeToken": 1, "fee": "2", "nonce": 3, "signature": signature, "fast": false, "validFrom": 0,
                "validUntil": 1}),
        ),
    ] {
        assert_keys::<ZkSyncTx>(keys, tx);
    }
}

#[test]
fn accounts_are_written_in_the_order_of_the_specification() {
    let nft = json!({"id": 65_536, "serial_id": 1, "creator_address": ADDRESS, "creator_id": 2, "address": ADDRESS,
        "symbol": "NFT-65536", "content_hash": hash()});
    assert_keys::<Nft>(
        "id, serial_id, creator_address, creator_id, address, symbol, content_hash",
        nft.clone(),
    );
    let account = json!({"pub_key_hash": PubKeyHash::default(), "address": ADDRESS, "balances": {"0": "1", "7": "0"},
        "nonce": 0, "minted_nfts": {"65536": nft}});
    assert_keys::<Account>("pub_key_hash, address, balances, nonce, minted_nfts", account.clone());
    let with_zero: Account = serde_json::from_value(account.clone()).unwrap();
    let mut without = with_zero.clone();
    without.balances.remove(&TokenId(7));
    assert_eq!(with_zero, without);
    without.minted_nfts.clear();
    assert_ne!(with_zero, without);
    assert_keys::<AccountMap>("3, 16777215", json!({"3": account, "16777215": account}));
}

fn executed(op: &ZkSyncOp) -> ExecutedOperations {
    let mut json = match op {
        ZkSyncOp::Deposit(deposit) => {
            let mut data = json!(deposit.priority_op);
            data["type"] = json!("Deposit");
            json!({"type": "PriorityOp", "priority_op": {"serial_id": 7, "data": data, "deadline_block": 100,
                "eth_hash": [1, 2], "eth_block": 5, "eth_block_index": null}, "block_index": 0})
        }
        _ => {
            json!({"type": "Tx", "success": true, "fail_reason": null, "block_index": 1, "batch_id": null, "signed_tx": {
            "eth_sign_data": {"message": "text", "signature": {"type": "EIP1271Signature", "signature": "0x01"}},
            "created_at": "2021-12-09T12:26:11.000123Z",
            "tx": {"type": "Close", "account": ADDRESS, "nonce": 1, "signature": TxSignature::default(),
                "timeRange": TimeRange::default()}}})
        }
    };
    json["op"] = json!(op);
    json["created_at"] = json!("2021-12-09T12:26:11Z");
    serde_json::from_value(json).unwrap()
}

/// Returns a block with an operation of nearly every kind.
pub(super) fn block() -> ImportedBlock {
    let ops: Vec<_> = op::tests::table().iter().map(|(op, _)| executed(op)).collect();
    serde_json::from_value(json!({
        "block": {"block_number": 1, "new_root_hash": "01", "fee_account": 0, "block_transactions": ops,
            "processed_priority_ops": [0, 1], "block_chunks_size": 72, "commit_gas_limit": "0x1",
            "verify_gas_limit": "0x2", "block_commitment": hash(), "timestamp": 1},
        "accounts_updated": [[3, {"Create": {"address": ADDRESS, "nonce": 0}}],
            [3, {"UpdateBalance": {"old_nonce": 0, "new_nonce": 0, "balance_update": [0, [], [1000]]}}]]
    }))
    .unwrap()
}

#[test]
fn aggregated_operations_have_a_range_and_an_action() {
    let mut last = block().block;
    last.block_number = BlockNumber(4);
    let ops = [
        AggregatedOperation::CommitBlocks { last_committed_block: block().block, blocks: vec![] },
        AggregatedOperation::CreateProofBlocks { blocks: vec![last.clone()], proofs_to_pad: 3 },
        AggregatedOperation::PublishProofBlocksOnchain {
            blocks: vec![block().block, last.clone()],
            proof: EncodedAggregatedProof::default(),
        },
        AggregatedOperation::ExecuteBlocks { blocks: vec![block().block, last.clone(), last] },
    ];
    assert_eq!(
        ops.each_ref().map(|op| op.block_range()).map(|(a, b)| (a.0, b.0)),
        [(0, 0), (4, 4), (1, 4), (1, 4)]
    );
    assert_eq!(ops.each_ref().map(|op| op.action()), AggregatedAction::ALL);
    for op in &ops {
        let json = serde_json::to_value(op).unwrap();
        assert_eq!(json.as_object().unwrap().keys().next().unwrap(), op.action().as_str());
        assert_eq!(&serde_json::from_value::<AggregatedOperation>(json).unwrap(), op);
    }
}

/// Values at the limits of the types.
fn edge() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(u32::MAX),
            json!(u64::MAX),
            json!(1e300),
            json!(0.5),
            json!(""),
            json!("0x"),
            json!("-1"),
            json!("1e400"),
            json!("sync:00"),
            json!("340282366920938463463374607431768211456"),
            json!("+262142-12-31T23:59:59-23:59"),
            json!("9999-12-31T23:59:60Z"),
            json!([]),
            json!([0, 0]),
            json!({}),
            json!({"type": "Noop"}),
            json!({"type": "Close"}),
        ]),
        any::<u64>().prop_map(|n| json!(n)),
        "\\PC{0,70}".prop_map(|s| json!(s)),
    ]
}

/// Returns the number of values in the tree.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        _ => 0usize,
    }
}

/// Replaces the `at`-th value of the tree.
fn replace(value: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *value = with.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
        Value::Object(map) => map.values_mut().for_each(|item| replace(item, at, with)),
        _ => {}
    }
}

/// Computes everything that an import needs of a block.
fn examine(block: &ImportedBlock) {
    let _ = block.block.compute_commitment(&Fr::default());
    let _ = block.block.compute_gas_limits();
    for op in block.block.ops() {
        let _ = (op.public_data(), op.fee());
    }
}

#[test]
fn a_block_round_trips() {
    let block = block();
    let text = serde_json::to_string(&block).unwrap();
    assert_eq!(serde_json::from_str::<ImportedBlock>(&text).unwrap(), block);
    let value = serde_json::to_value(&block).unwrap();
    assert_eq!(serde_json::from_value::<ImportedBlock>(value).unwrap(), block);
    assert!(block.block.compute_commitment(&Fr::default()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_changed_block_is_read_or_refused(at: prop::sample::Index, with in edge()) {
        let mut json = serde_json::to_value(block()).unwrap();
        let mut at = at.index(size(&json));
        replace(&mut json, &mut at, &with);
        if let Ok(block) = serde_json::from_value::<ImportedBlock>(json) {
            examine(&block);
            let text = serde_json::to_string(&block).unwrap();
            prop_assert_eq!(serde_json::from_str::<ImportedBlock>(&text).unwrap(), block);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,100}") {
        let _ = serde_json::from_str::<ImportedBlock>(&text);
        let _ = serde_json::from_str::<AggregatedOperation>(&text);
        let _ = serde_json::from_str::<ProverInputRequest>(&text);
        let _ = serde_json::from_str::<ProverOutputRequest>(&text);
        let _ = serde_json::from_str::<ProverStopped>(&text);
    }
}
