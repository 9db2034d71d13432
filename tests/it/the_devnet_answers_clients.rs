//! The devnet answers clients over real sockets: JSON-RPC, REST, the endpoints below `/devnet`, the
//! explorer. `the_sdk_works_against_the_devnet` drives it with the official SDK.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Devnet, http, http_with, sample_chain, until};

const ADDRESS: &str = "0xabababababababababababababababababababab";
const HASH: &str = "0xabababababababababababababababababababababababababababababababab";

#[test]
fn both_interfaces_show_the_same_accounts_and_operations() {
    let devnet = Devnet::start(&["--finality", "instant"]);
    let tokens = devnet.call("tokens", Value::Null);
    assert_eq!(tokens["result"]["USDC"]["decimals"], 6);
    let unknown = devnet.call("account_info", json!([ADDRESS]))["result"].clone();
    assert_eq!((&unknown["id"], &unknown["committed"]["balances"]), (&Value::Null, &json!({})));

    let deposit = json!({"to": ADDRESS, "token": "ETH", "amount": "7"});
    let receipt = devnet.own("deposits", &deposit).accepted().json();
    let info = || devnet.call("ethop_info", json!([receipt["serialId"]]))["result"].clone();
    until(|| (info()["block"]["verified"] == true).then_some(()));
    let account = devnet.call("account_info", json!([ADDRESS.to_uppercase().replace("0X", "0x")]));
    let account = &account["result"];
    assert_eq!(account["address"], ADDRESS);
    assert_eq!(account["verified"]["balances"], json!({"ETH": "7"}));
    let shown = devnet.get(&format!("/accounts/{ADDRESS}"));
    assert_eq!(shown["status"], "success");
    assert_eq!(shown["result"]["finalized"]["accountId"], account["id"]);
    assert_eq!(shown["request"]["resource"], format!("/api/v0.2/accounts/{ADDRESS}"));
    assert_eq!(shown["request"]["args"], json!({"account_id_or_address": ADDRESS}));

    let hash = receipt["ethHash"].as_str().unwrap();
    let operation = devnet.get(&format!("/transactions/{hash}/data"))["result"]["tx"].clone();
    assert_eq!(operation["op"]["type"], "Deposit");
    assert_eq!(operation["status"], "finalized");
    let block = &info()["block"]["blockNumber"];
    let page = devnet.get(&format!("/blocks/{block}/transactions?from=latest&limit=9&direction=older"));
    assert_eq!(page["result"]["list"][0], operation);
    assert_eq!(devnet.get("/networkStatus")["result"]["mempoolSize"], 0);
}

#[test]
fn wrong_requests_get_the_codes_of_the_reference() {
    let devnet = Devnet::start(&[]);
    for (body, code) in [
        ("", -32700),
        ("[1", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"account_info","params":["x"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tx_submit","params":[{"type":"Fly"},null]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"submit_txs_batch","params":[[],[]]}"#, 300),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"get_tx_fee","params":["Transfer","0x0000000000000000000000000000000000000000","NONE"]}"#,
            105,
        ),
    ] {
        let answer = devnet.post_rpc(body).accepted().json();
        assert_eq!(answer["error"]["code"], code, "{body}");
        assert!(answer.get("result").is_none(), "{body}");
    }
    let long = "x".repeat((1 << 20) + 1);
    assert_eq!(devnet.post_rpc(&long).accepted().json()["error"]["code"], -32600);
    assert_eq!(http(&devnet.rest, "POST", "/api/v0.2/fee", None, &long).status, 413);
    for (path, code) in [
        ("/blocks/first", 202),
        ("/accounts/nobody", 203),
        ("/accounts/16000000", 204),
        ("/blocks?from=1&limit=101&direction=newer", 206),
        ("/blocks?from=x&limit=1&direction=newer", 207),
        ("/tokens/nft/5", 208),
        ("/tokens/NONE", 500),
        ("/tokens/ETH/priceIn/eur", 201),
        ("/tokens/ETH/priceIn/1000", 300),
    ] {
        let answer = devnet.get(path);
        assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!("error"), &json!(code)), "{path}");
    }
    for (path, body, status, words) in [
        ("deposits", json!({}), 400, "missing field `to`"),
        ("deposits", json!({"to": "0xab", "token": "ETH", "amount": "1"}), 400, "to: Size mismatch"),
        ("deposits", json!({"to": ADDRESS, "token": "ETH", "amount": "0"}), 400, "a deposit of nothing"),
        ("deposits", json!({"to": ADDRESS, "token": "NONE", "amount": "1"}), 404, "NONE"),
        (
            "deposits",
            json!({"to": ADDRESS, "token": "ETH", "amount": "1.5"}),
            400,
            "amount: expected an integer",
        ),
        (
            "deposits",
            json!({"to": ADDRESS, "token": "ETH", "amount": "1e3"}),
            400,
            "amount: expected an integer",
        ),
        ("mine", json!({"blocks": 1_000_000}), 400, "blocks"),
        ("revert", json!({"snapshot": 77}), 404, "77"),
        ("deposit", json!({}), 404, "those below /devnet are accounts, authorizations,"),
    ] {
        let answer = devnet.own(path, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{error}");
    }
    for (url, path) in [(&devnet.rest, "/devnet"), (&devnet.rpc, "/devnet/nothing")] {
        let answer = http(url, "GET", path, None, "");
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("full_exits"), "{path}: {}", answer.text());
    }
    assert_eq!(devnet.get("/networkStatus")["result"]["totalTransactions"], 0);
}

#[test]
fn pages_of_other_sites_may_call_it() {
    let devnet = Devnet::start(&[]);
    for url in [&devnet.rpc, &devnet.rest] {
        let headers = "Origin: https://example.com\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
        let answer = http_with(url, "OPTIONS", "/", None, headers, "");
        let head = answer.head.to_lowercase();
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        assert!(head.contains("access-control-max-age: 3600"), "{head}");
        assert_eq!(http(url, "GET", "/favicon.ico", None, "").status, 200);
    }
}

/// Replaces the parameters of a path by values that are well-formed.
fn concrete(path: &str) -> String {
    [
        ("{account_id_or_address}", ADDRESS),
        ("{block_position}", "1"),
        ("{block_index}", "0"),
        ("{tx_hash}", HASH),
        ("{batch_hash}", HASH),
        ("{token_like}", "ETH"),
        ("{currency}", "usd"),
        ("{id}", "70000"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[test]
fn every_described_endpoint_exists() {
    let devnet = Devnet::start(&[]);
    let document = http(&devnet.rest, "GET", "/api/v0.2/openapi.json", None, "").accepted().json();
    assert!(!document.to_string().contains('§'), "a section that users do not have");
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap();
        for (method, operation) in methods {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        }
        if methods.contains_key("get") {
            let page =
                if operation_has_page(&methods["get"]) { "?from=latest&limit=1&direction=older" } else { "" };
            let answer = http(&devnet.rest, "GET", &format!("{}{page}", concrete(path)), None, "");
            let answer = answer.accepted().json();
            if path.starts_with("/api/") {
                assert_eq!(answer["status"], "success", "{path}: {answer}");
            }
        }
        if methods.contains_key("post") && !path.ends_with("/reset") {
            // A body of the wrong type shows that the endpoint exists without any effect.
            let answer = http(&devnet.rest, "POST", path, None, "7");
            let takes_a_body = methods["post"].get("requestBody").is_some();
            assert_eq!(answer.status, if takes_a_body { 400 } else { 200 }, "{path}: {}", answer.text());
        }
    }
    assert!(ids.len() > 40);
    let text = document.to_string();
    for (at, _) in text.match_indices("#/components/schemas/") {
        let name = text[at..].split('"').next().unwrap();
        assert!(document.pointer(name.trim_start_matches('#')).is_some(), "{name}");
    }
}

fn operation_has_page(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "direction"))
}

#[test]
fn the_board_has_an_explorer_that_only_reads() {
    let devnet = Devnet::start(&[]);
    let get = |path: &str| http(&devnet.board, "GET", path, None, "");
    assert!(get("/").accepted().text().contains(r#"<a href="explorer">"#));
    assert!(get("/explorer").accepted().text().contains("explorer.js"));
    assert!(get("/explorer.js").accepted().text().contains("networkStatus"));
    assert_eq!(get("/api/v0.2/networkStatus").accepted().json()["result"]["lastCommitted"], 0);
    assert_eq!(get("/api/v0.2/tokens/DAI").accepted().json()["result"]["id"], 1);
    assert_eq!(get("/api/devnet/mempool").accepted().json()["size"], 0);
    for path in ["/api/devnet/accounts", "/api/devnet/deposits", "/api/v0.2/transactions"] {
        assert_eq!(get(path).status, 404, "{path}");
        assert!([404, 405].contains(&http(&devnet.board, "POST", path, None, "{}").status), "{path}");
    }
    let foreign =
        http_with(&devnet.board, "GET", "/api/v0.2/config", None, "Sec-Fetch-Site: cross-site\r\n", "");
    assert_eq!(foreign.status, 403);
}

#[test]
fn it_warns_if_other_machines_can_reach_it() {
    let warned =
        |printed: &str| printed.lines().any(|line| line.starts_with("WARNING") && line.contains("reach"));
    let local = Devnet::start(&[]);
    assert!(!warned(&local.printed), "{}", local.printed);
    let exposed = Devnet::start(&["--rpc-listen", "0.0.0.0:0"]);
    assert!(warned(&exposed.printed), "{}", exposed.printed);
}

/// The accounts and balances of a chain are those of its first start, whatever a later one is told.
#[test]
fn a_continued_devnet_prints_only_accounts_that_its_chain_has() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let addresses = |devnet: &Devnet| {
        let lines = devnet.printed.lines().skip_while(|line| !line.starts_with("Accounts")).skip(1);
        lines.take_while(|line| line.starts_with("  (")).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = Devnet::start(&["--data-dir", data, "--accounts", "2", "--balance", "7"]);
    assert!(first.printed.contains("Accounts, each with 7 ETH"), "{}", first.printed);
    let begun_with = addresses(&first);
    assert_eq!(begun_with.len(), 2);
    drop(first);
    let more = Devnet::start(&["--data-dir", data, "--accounts", "3", "--balance", "8"]);
    assert_eq!(addresses(&more), begun_with);
    assert!(!more.printed.contains("each with"), "{}", more.printed);
    assert!(more.printed.contains("WARNING: this chain has 2 of 3 accounts"), "{}", more.printed);
    drop(more);
    let words =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let other = Devnet::start(&["--data-dir", data, "--mnemonic", words]);
    assert!(addresses(&other).is_empty(), "{}", other.printed);
    assert!(other.printed.contains("WARNING: this chain has 0 of 10 accounts"), "{}", other.printed);
    drop(other);
    // The chain of a fork has tokens that the accounts do not get.
    let fork = Devnet::start(&["--fork-from", &sample_chain(), "--accounts", "1", "--balance", "7"]);
    assert!(fork.printed.contains("Accounts, each with 7 ETH, DAI, USDC, WBTC\n"), "{}", fork.printed);
    assert!(fork.printed.contains("TOKEN-4"), "{}", fork.printed);
}

/// Wallets are answered first: a devnet's witnesses wait while it is busy.
#[test]
#[cfg(target_os = "linux")]
fn threads_that_build_witnesses_have_the_lowest_priority() {
    let devnet = Devnet::start(&[]);
    let priorities = || {
        let mut priorities = BTreeMap::<String, BTreeSet<String>>::new();
        for thread in std::fs::read_dir(format!("/proc/{}/task", devnet.id())).unwrap() {
            // A thread may end meanwhile.
            let Ok(stat) = std::fs::read_to_string(thread.unwrap().path().join("stat")) else { continue };
            let (name, fields) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
            // The nice value is field 19; the name is field 2.
            let nice = fields.split_whitespace().nth(16).unwrap();
            priorities.entry(name.to_owned()).or_default().insert(nice.to_owned());
        }
        ["witness-hash", "prover_server_p", "producer", "tokio-rt-worker"]
            .map(|name| priorities.remove(name).into_iter().flatten().collect::<Vec<_>>())
    };
    // Each thread lowers its own.
    until(|| (priorities() == [["10"], ["10"], ["0"], ["0"]]).then_some(()));
}
