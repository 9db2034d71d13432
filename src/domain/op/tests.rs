//! Layouts against the table of spec 03 §2, and properties that hold for every operation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::domain::*;
use proptest::prelude::*;

const A: &str = "0x2a0a81e257a2f5d6ed4f07b81dbda09f107bd026";
const B: &str = "0x21abaed8712072e918632259780e587698ef58da";

/// Smallest JSON of a transaction signature.
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

/// The table of spec 03 §2.
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
fn public_data_is_that_of_the_table() {
    for (op, hex) in table() {
        assert_eq!(hex::encode(op.public_data().unwrap()), hex, "{}", op.kind());
        assert_eq!(hex.len() / 2, op.chunks() * CHUNK_BYTES);
        assert_eq!(u8::from_str_radix(&hex[..2], 16).unwrap(), op.op_code());
    }
}

#[test]
fn public_data_is_decoded() {
    for (op, hex) in table() {
        let decoded = ZkSyncOp::from_public_data(&hex::decode(hex).unwrap()).unwrap();
        assert_eq!(decoded.kind(), op.kind());
        assert_eq!(hex::encode(decoded.public_data().unwrap()), hex);
        assert_eq!(decoded.updated_account_ids(), op.updated_account_ids());
        assert_eq!(decoded.fee(), op.fee());
    }
}

#[test]
fn full_exit_is_decoded_where_it_was_encoded() {
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
    assert_eq!(data.len(), 110);
    assert_eq!(FullExitOp::from_public_data(&data), Ok(exit.clone()));
    exit.priority_op.is_legacy = true;
    assert_eq!((exit.chunks(), exit.public_data().unwrap()), (6, data));
}

#[test]
fn withdraw_nft_is_decoded() {
    let mut data = vec![0x0a];
    data.extend((1..=94).collect::<Vec<u8>>());
    data.extend([0; 5]);
    // The packed fee must be one that packs to itself.
    data[93..95].copy_from_slice(&[0x05, 0x40]);
    let op = ZkSyncOp::from_public_data(&data).unwrap();
    assert_eq!(op.public_data().unwrap(), data);
    let ZkSyncOp::WithdrawNFT(op) = op else { panic!() };
    assert_eq!(op.tx.token, TokenId(u32::from_be_bytes([85, 86, 87, 88])));
    assert_eq!(hex::encode(op.withdrawal_data()), format!("01{}55565758", hex::encode(op.tx.to.0)));
}

#[test]
fn legacy_public_data_has_short_tokens() {
    let transfer = hex::decode("0500000001002a0000000200000005400540").unwrap();
    let ZkSyncOp::Transfer(op) = ZkSyncOp::from_legacy_public_data(&transfer).unwrap() else { panic!() };
    assert_eq!((op.from, op.to, op.tx.token), (AccountId(1), AccountId(2), TokenId(42)));
    assert_eq!((op.tx.amount, op.tx.fee), (42u8.into(), 42u8.into()));
    let exit = format!("06{:08x}{}{:04x}{:032x}{}", 7, "11".repeat(20), 9, 10, "00".repeat(11));
    let ZkSyncOp::FullExit(op) = ZkSyncOp::from_legacy_public_data(&hex::decode(exit).unwrap()).unwrap()
    else {
        panic!()
    };
    assert_eq!((op.priority_op.token, op.withdraw_amount.clone()), (TokenId(9), Some(10u8.into())));
    assert_eq!(op.chunks(), 6);
    for code in [0x09, 0x0a, 0x0b, 0x0c] {
        assert_eq!(ZkSyncOp::from_legacy_public_data(&[code]), Err(OpError::UnknownOperation(code)));
    }
}

#[test]
fn bad_public_data_is_refused() {
    assert_eq!(ZkSyncOp::from_public_data(&[]), Err(OpError::Empty));
    assert_eq!(ZkSyncOp::from_public_data(&[0x0c]), Err(OpError::UnknownOperation(0x0c)));
    assert_eq!(ZkSyncOp::from_public_data(&[1; 10]), Err(OpError::Length { expected: 60, actual: 10 }));
    assert_eq!(ZkSyncOp::from_public_data(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), Err(OpError::NonZeroNoop));
    let mut overflowing = vec![0xff; 20];
    overflowing[0] = 0x05;
    assert_eq!(ZkSyncOp::from_public_data(&overflowing), Err(OpError::Unpack));
    // A ChangePubKey may come without its padding.
    let mut short = vec![0; 55];
    short[0] = 0x07;
    assert!(ZkSyncOp::from_public_data(&short).is_ok());
    assert!(ZkSyncOp::from_public_data(&short[..54]).is_err());
}

#[test]
fn amounts_that_do_not_fit_are_errors() {
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
fn flags_are_those_of_the_overview() {
    let flags: Vec<_> =
        table().iter().map(|(op, _)| (op.kind(), op.is_onchain(), op.is_processable_onchain())).collect();
    assert_eq!(
        flags,
        [
            ("Deposit", true, false),
            ("Transfer", false, false),
            ("TransferToNew", false, false),
            ("Withdraw", true, true),
            ("ChangePubKeyOffchain", true, false),
            ("ForcedExit", true, true),
            ("MintNFTOp", false, false),
            ("Swap", false, false),
        ]
    );
}

#[test]
fn eth_witness_depends_on_the_authorisation() {
    let (ZkSyncOp::ChangePubKeyOffchain(op), _) = table().swap_remove(4) else { panic!() };
    let witness = |json: serde_json::Value| {
        let mut tx = op.tx.clone();
        tx.eth_auth_data = serde_json::from_value(json).unwrap();
        hex::encode(tx.eth_witness())
    };
    let eth = format!("0x{}1b", "33".repeat(64));
    let (a, h) = (A, format!("0x{}", "44".repeat(32)));
    assert_eq!(witness(serde_json::json!({"type": "Onchain"})), "");
    assert_eq!(witness(serde_json::json!(null)), "");
    assert_eq!(
        witness(serde_json::json!({"type": "ECDSA", "ethSignature": eth})),
        format!("00{}", &eth[2..])
    );
    assert_eq!(
        witness(serde_json::json!({"type": "EIP712", "ethSignature": eth, "batchHash": h})),
        format!("04{}", &eth[2..])
    );
    assert_eq!(
        witness(serde_json::json!({"type": "CREATE2", "creatorAddress": a, "saltArg": h, "codeHash": h})),
        format!("01{}{}{}", &a[2..], &h[2..], &h[2..])
    );
    let mut old = op.tx.clone();
    old.eth_signature = Some(eth.parse().unwrap());
    assert_eq!(hex::encode(old.eth_witness()), format!("02{}", &eth[2..]));
    for (op, _) in table() {
        assert_eq!(op.eth_witness().is_some(), op.kind() == "ChangePubKeyOffchain");
    }
}

#[test]
fn noop_is_read_with_unknown_keys() {
    let noop: ZkSyncOp = serde_json::from_str(r#"{"type":"Noop","x":1}"#).unwrap();
    assert_eq!(serde_json::to_string(&noop).unwrap(), r#"{"type":"Noop"}"#);
}

proptest! {
    #[test]
    fn arbitrary_public_data_is_decoded_or_refused(code in 0u8..14, rest in proptest::collection::vec(any::<u8>(), 0..120)) {
        let data = [&[code][..], &rest].concat();
        let _ = ZkSyncOp::from_public_data(&data);
        let _ = ZkSyncOp::from_legacy_public_data(&data);
    }

    #[test]
    fn right_length_decodes_unless_a_packed_value_overflows(code in 1u8..12, fill: [u8; 110]) {
        let length = [10, 60, 60, 60, 10, 20, 110, 60, 60, 50, 100, 50][code as usize];
        let mut data = fill[..length].to_vec();
        data[0] = code;
        match ZkSyncOp::from_public_data(&data) {
            Ok(op) => {
                // What was decoded has the same public data again, once packed values are in their canonical form.
                let again = op.public_data().unwrap();
                let decoded = ZkSyncOp::from_public_data(&again).unwrap();
                prop_assert_eq!(decoded, op);
            }
            Err(error) => prop_assert_eq!(error, OpError::Unpack),
        }
    }
}
