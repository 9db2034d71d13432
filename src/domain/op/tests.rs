//! Layouts against the table of docs/protocol/03-operations.md §2, and properties of every
//! operation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::domain::op::*;
use crate::domain::priority_op::FullExit;
use crate::domain::*;
use num_bigint::BigUint;

const A: &str = "0x2a0a81e257a2f5d6ed4f07b81dbda09f107bd026";
const B: &str = "0x21abaed8712072e918632259780e587698ef58da";

/// Returns the JSON of an unsigned transaction's signature.
fn signature() -> serde_json::Value {
    serde_json::to_value(TxSignature::default()).unwrap()
}

fn op(mut json: serde_json::Value) -> ZkSyncOp {
    if let Some(tx) = json.get_mut("tx") {
        tx["signature"] = signature();
        for order in tx.get_mut("orders").and_then(|o| o.as_array_mut()).into_iter().flatten() {
            order["signature"] = signature();
        }
    }
    serde_json::from_value(json).unwrap()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(&text.replace("@A", A).replace("@B", B)).unwrap()
}

/// Returns the table of docs/protocol/03-operations.md §2.
pub(in crate::domain) fn table() -> Vec<(ZkSyncOp, &'static str)> {
    let transfer =
        r#""tx":{"accountId":1,"from":"@A","to":"@B","token":42,"amount":"42","fee":"42","nonce":0}"#;
    [
        (
            r#"{"type":"Deposit","priority_op":{"from":"@A","token":42,"amount":"42","to":"@B"},"account_id":42}"#.to_string(),
            "010000002a0000002a0000000000000000000000000000002a21abaed8712072e918632259780e587698ef58da000000000000000000000000000000",
        ),
        (
            format!(r#"{{"type":"Transfer",{transfer},"from":1,"to":2}}"#),
            "05000000010000002a0000000200000005400540",
        ),
        (
            format!(r#"{{"type":"TransferToNew",{transfer},"from":1,"to":2}}"#),
            "02000000010000002a000000054021abaed8712072e918632259780e587698ef58da0000000205400000000000000000000000000000000000000000",
        ),
        (
            r#"{"type":"Withdraw","tx":{"accountId":42,"from":"@A","to":"@B","token":42,"amount":"42","fee":"42","nonce":0},"account_id":42}"#.into(),
            "030000002a0000002a0000000000000000000000000000002a054021abaed8712072e918632259780e587698ef58da00000000000000000000000000",
        ),
        (
            r#"{"type":"ChangePubKeyOffchain","tx":{"accountId":42,"account":"@A","newPkHash":"sync:3cfb9a39096d9e02b24187355f628f9a6331511b","feeToken":42,"fee":"42","nonce":42},"account_id":42}"#.into(),
            "070000002a3cfb9a39096d9e02b24187355f628f9a6331511b2a0a81e257a2f5d6ed4f07b81dbda09f107bd0260000002a0000002a05400000000000",
        ),
        (
            r#"{"type":"ForcedExit","tx":{"initiatorAccountId":42,"target":"@A","token":42,"fee":"42","nonce":0},"target_account_id":42,"withdraw_amount":"0"}"#.into(),
            "080000002a0000002a0000002a0000000000000000000000000000000005402a0a81e257a2f5d6ed4f07b81dbda09f107bd026000000000000000000",
        ),
        (
            r#"{"type":"MintNFTOp","tx":{"creatorId":10,"creatorAddress":"@A","contentHash":"0x0000000000000000000000000000000000000000000000000000000000000000","recipient":"@B","fee":"10","nonce":0},"creator_account_id":10,"recipient_account_id":11}"#.into(),
            "090000000a0000000b0000000000000000000000000000000000000000000000000000000000000000000000000140000000",
        ),
        (
            r#"{"type":"Swap","tx":{"submitterId":42,"submitterAddress":"@A","nonce":0,"amounts":["145","217"],"fee":"44","feeToken":45,"orders":[
                {"accountId":5,"recipient":"@A","nonce":0,"tokenBuy":1,"tokenSell":7,"ratio":["1","2"],"amount":"0","validFrom":0,"validUntil":1},
                {"accountId":7,"recipient":"@B","nonce":0,"tokenBuy":7,"tokenSell":1,"ratio":["2","1"],"amount":"1","validFrom":0,"validUntil":1}
               ]},"submitter":42,"accounts":[5,7],"recipients":[6,8]}"#.into(),
            "0b000000050000000600000007000000080000002a00000007000000010000002d00000012200000001b2005800200000000",
        ),
    ]
    .into_iter()
    .map(|(text, hex)| (op(json(&text)), hex))
    .collect()
}

#[test]
fn public_data_equals_the_table() {
    for (op, hex) in table() {
        assert_eq!(hex::encode(op.public_data().unwrap()), hex, "{}", op.kind());
        assert_eq!(hex.len() / 2, op.chunks() * CHUNK_BYTES);
        assert_eq!(u8::from_str_radix(&hex[..2], 16).unwrap(), op.op_code());
    }
}

#[test]
fn public_data_of_a_full_exit_has_the_nft_behind_the_amount() {
    let mut exit = FullExitOp {
        priority_op: FullExit {
            account_id: AccountId(1),
            eth_address: Address([2; 20]),
            token: TokenId(70_000),
            is_legacy: false,
        },
        withdraw_amount: Some(1u8.into()),
        creator_account_id: Some(AccountId(3)),
        creator_address: Some(Address([4; 20])),
        serial_id: Some(5),
        content_hash: Some(H256([6; 32])),
    };
    let data = exit.public_data().unwrap();
    let nft = format!("00000003{}00000005{}", "04".repeat(20), "06".repeat(32));
    assert_eq!(
        hex::encode(&data),
        format!("0600000001{}00011170{:032x}{nft}{}", "02".repeat(20), 1, "00".repeat(5))
    );
    exit.priority_op.is_legacy = true;
    assert_eq!((exit.chunks(), exit.public_data().unwrap()), (6, data));
}

#[test]
fn public_data_of_a_withdrawn_nft_has_its_creator_and_content() {
    let op = op(json(&format!(
        r#"{{"type":"WithdrawNFT","tx":{{"accountId":1,"from":"@A","to":"@B","token":70000,"feeToken":2,"fee":"42","nonce":0,"validFrom":0,"validUntil":1}},"creator_id":3,"creator_address":"@A","serial_id":5,"content_hash":"0x{}"}}"#,
        "06".repeat(32)
    )));
    let (to, creator) = (&B[2..], &A[2..]);
    assert_eq!(
        hex::encode(op.public_data().unwrap()),
        format!(
            "0a0000000100000003{creator}00000005{}{to}00011170000000020540{}",
            "06".repeat(32),
            "00".repeat(5)
        )
    );
}

#[test]
fn amounts_above_the_size_of_their_field_are_refused() {
    let too_big = (BigUint::from(1u8) << 128u32).to_string();
    for (op, _) in table() {
        let text = serde_json::to_string(&op).unwrap();
        for key in ["amount", "fee", "withdraw_amount"] {
            for value in ["42", "10", "44", "0"] {
                let changed =
                    text.replace(&format!("\"{key}\":\"{value}\""), &format!("\"{key}\":\"{too_big}\""));
                if changed != text && (key, op.kind()) != ("amount", "Swap") {
                    let op: ZkSyncOp = serde_json::from_str(&changed).unwrap();
                    assert_eq!(op.public_data(), Err(AmountError::TooBig.into()), "{} {key}", op.kind());
                }
            }
        }
    }
}

#[test]
fn onchain_operations_are_those_of_the_overview() {
    let flags: Vec<_> = table().iter().map(|(op, _)| (op.kind(), op.is_onchain())).collect();
    assert_eq!(
        flags,
        [
            ("Deposit", true),
            ("Transfer", false),
            ("TransferToNew", false),
            ("Withdraw", true),
            ("ChangePubKeyOffchain", true),
            ("ForcedExit", true),
            ("MintNFTOp", false),
            ("Swap", false),
        ]
    );
}

#[test]
fn a_noop_with_unknown_keys_is_read() {
    let noop: ZkSyncOp = serde_json::from_str(r#"{"type":"Noop","x":1}"#).unwrap();
    assert_eq!(serde_json::to_string(&noop).unwrap(), r#"{"type":"Noop"}"#);
    assert_eq!(noop.public_data().unwrap(), [0; CHUNK_BYTES]);
}
