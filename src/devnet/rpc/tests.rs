//! JSON-RPC on a devnet in this process.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::error::RpcError;
use super::params::Params;
use super::router::router;
use super::subscriptions::Subscriptions;
use crate::devnet::devnet::Devnet;
use crate::devnet::requests::EthSignatures;
use crate::devnet::testing::{STRANGER, open, options, set_key, transfer, until, wallets};

async fn post(devnet: &Devnet, message: Value) -> Value {
    let request = Request::post("/").body(Body::from(message.to_string())).unwrap();
    let response = router(devnet.clone()).oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() }
}

async fn call(devnet: &Devnet, method: &str, params: Value) -> Value {
    post(devnet, json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await
}

/// Returns the arguments of `tx_submit` for a transfer of 5 wei.
fn transfer_params(nonce: u32) -> Value {
    let (tx, signatures) = transfer(STRANGER, 5, nonce);
    let EthSignatures::One(signature) = signatures else { panic!("a transfer has one signature") };
    json!([tx, signature, null])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_submitted_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    set_key(&devnet, 0).await;
    let submitted = call(&devnet, "tx_submit", transfer_params(1)).await;
    let hash = submitted["result"].as_str().unwrap().to_owned();
    assert!(hash.starts_with("sync-tx:") && submitted.get("error").is_none());
    until(&devnet, |ledger| ledger.committed().by_address(&STRANGER).is_some()).await;
    let info = call(&devnet, "tx_info", json!([hash])).await["result"].clone();
    assert_eq!((&info["executed"], &info["success"]), (&json!(true), &json!(true)));
    assert_eq!(info["block"], json!({"blockNumber": 1, "committed": true, "verified": false}));
    devnet.seal_now().await.unwrap();
    until(&devnet, |ledger| ledger.last_final() == 1).await;
    let info = call(&devnet, "tx_info", json!([hash])).await["result"].clone();
    assert_eq!(info["block"]["verified"], true);
    // The nonce was used.
    let again = call(&devnet, "tx_submit", transfer_params(1)).await;
    assert_eq!((&again["error"]["code"], again.get("result")), (&json!(101), None));
    let sender = call(&devnet, "account_info", json!([wallets()[0].address])).await["result"].clone();
    assert_eq!((&sender["id"], &sender["committed"]["nonce"]), (&json!(1), &json!(2)));
    assert_eq!(sender["accountType"], "Owned");
    let both = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "get_zksync_version"},
        {"jsonrpc": "2.0", "method": "get_zksync_version"},
        {"jsonrpc": "2.0", "id": 2, "method": "tx_subscribe", "params": [hash, "COMMIT"]},
    ]);
    let answers = post(&devnet, both).await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 2);
    // Subscriptions need a WebSocket.
    assert_eq!(answers[1]["error"]["code"], -32601);
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_reports_a_stage_once_and_every_change_of_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = open(folder.path(), options()).await;
    set_key(&devnet, 0).await;
    let mut all = Subscriptions::default();
    let open = |all: &mut Subscriptions, method: &str, params: Value| -> Result<Value, RpcError> {
        all.call(method, || Params::new(Some(params))).expect("a method for subscriptions")
    };
    let due = |all: &mut Subscriptions| devnet.read(|ledger| all.due(ledger, devnet.tokens()));
    let submitted = call(&devnet, "tx_submit", transfer_params(1)).await;
    let hash = submitted["result"].clone();
    until(&devnet, |ledger| ledger.committed().by_address(&STRANGER).is_some()).await;

    let committed = open(&mut all, "tx_subscribe", json!([hash, "COMMIT"])).unwrap();
    let verified = open(&mut all, "tx_subscribe", json!([hash, "VERIFY"])).unwrap();
    let account = open(&mut all, "account_subscribe", json!([STRANGER, "VERIFY"])).unwrap();
    open(&mut all, "ethop_subscribe", json!([7, "COMMIT"])).unwrap();
    let first = due(&mut all);
    let subscriptions: Vec<&Value> = first.iter().map(|one| &one["params"]["subscription"]).collect();
    assert_eq!(subscriptions, [&committed, &account]);
    assert_eq!(first[0]["method"], "tx");
    assert_eq!(first[1]["params"]["result"]["balances"], json!({}));
    assert!(due(&mut all).is_empty());

    devnet.seal_now().await.unwrap();
    until(&devnet, |ledger| ledger.last_final() == 1).await;
    let second = due(&mut all);
    let subscriptions: Vec<&Value> = second.iter().map(|one| &one["params"]["subscription"]).collect();
    assert_eq!(subscriptions, [&verified, &account]);
    assert_eq!(second[1]["params"]["result"]["balances"], json!({"ETH": "5"}));
    assert!(due(&mut all).is_empty());
    for (id, was_open) in [(&committed, true), (&committed, false), (&json!("99"), false)] {
        assert_eq!(open(&mut all, "tx_unsubscribe", json!([id])).unwrap(), json!(was_open));
    }
    let refused = open(&mut all, "tx_subscribe", json!([hash, "EXECUTE"])).unwrap_err();
    assert_eq!(refused.code, -32602);
    assert!(all.call("tokens", || Params::new(None)).is_none());
    devnet.stop().await;
}
