//! Scripts run against a devnet, chains of a devnet are exported, and a devnet with traffic leaves
//! nothing behind.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Devnet, http, run_badly, run_well, until};

const ADDRESS: &str = "0xabababababababababababababababababababab";
/// A script that requests a deposit.
const DEPOSIT: &str = "curl -sf -H 'Content-Type: application/json' \"$DEVNET_URL/deposits\" -d '{\"to\":\"0xabababababababababababababababababababab\",\"token\":\"ETH\",\"amount\":\"5\"}'";

#[test]
fn a_run_waits_for_the_script_and_for_its_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (report, summary) = (path("junit.xml"), path("summary.json"));
    let files = ["--report", &report, "--summary", &summary];
    let script = format!("{DEPOSIT} && test -n \"$DEVNET_RPC_URL$DEVNET_REST_URL\"");
    let mut args = vec!["run", "--script", &script, "--until", "verified"];
    args.extend(files);
    let out = String::from_utf8(run_well(&args)).unwrap();
    assert!(out.contains("verified         1/1"), "{out}");
    let read = |file: &str| fs::read_to_string(file).unwrap();
    let outcome: Value = serde_json::from_str(&read(&summary)).unwrap();
    assert_eq!((&outcome["reached"], &outcome["block"]), (&json!(true), &json!(1)));
    assert!(read(&report).lines().nth(1).unwrap().contains("tests=\"6\""), "{}", read(&report));
    assert!(read(&report).contains("name=\"the script\""), "{}", read(&report));

    // The files of the run before are gone when a run begins.
    let script = format!("test -e {report} || test -e {summary} || exit 3");
    let mut args = vec!["run", "--script", &script, "--until", "proven"];
    args.extend(files);
    let message = run_badly(&args, 1);
    assert!(message.contains("exit status: 3"), "{message}");
    assert_eq!(read(&report).matches("<failure ").count(), 1);
    let outcome: Value = serde_json::from_str(&read(&summary)).unwrap();
    assert_eq!(outcome["reached"], false);
    let message = run_badly(&["run", "--script", "sleep 60", "--until", "proven", "--timeout", "300ms"], 1);
    assert!(message.contains("300ms"), "{message}");
}

#[test]
fn an_exported_chain_is_a_chain_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, chain) = (path("data"), path("chain"));
    let mut devnet = Devnet::start(&["--data-dir", &data, "--finality", "instant"]);
    devnet.own("deposits", &json!({"to": ADDRESS, "token": "ETH", "amount": "5"})).accepted();
    devnet.own("mine", &json!({"blocks": 3})).accepted();
    until(|| (devnet.get("/networkStatus")["result"]["finalized"].as_u64() >= Some(3)).then_some(()));
    let head = devnet.get("/networkStatus")["result"]["lastCommitted"].as_u64().unwrap();
    devnet.kill();
    run_well(&["chain", "export", "--data-dir", &data, "--out", &chain]);
    assert!(fs::exists(format!("{chain}/blocks/{head:06}.json")).unwrap());
    run_badly(&["chain", "export", "--data-dir", &data, "--out", &chain], 2);
    let out = String::from_utf8(run_well(&["run", "--import", &chain, "--until", "witnessed"])).unwrap();
    assert!(out.contains(&format!("witnessed        {head}/{head}")), "{out}");
    // A fork has the balance and continues after the last block.
    let fork = Devnet::start(&["--fork-from", &chain, "--accounts", "0"]);
    let account = fork.get(&format!("/accounts/{ADDRESS}/committed"))["result"].clone();
    assert_eq!(account["balances"], json!({"ETH": "5"}));
    assert_eq!(fork.get("/networkStatus")["result"]["lastCommitted"], head);
}

#[test]
fn a_devnet_with_traffic_runs_until_it_is_interrupted_and_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(["devnet", "--traffic", "20", "--block-time", "100ms"])
        .args(["--rpc-listen", "127.0.0.1:0", "--rest-listen", "127.0.0.1:0"])
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .env_clear()
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let printed: Vec<String> =
        lines.by_ref().map(Result::unwrap).take_while(|line| line != "ready").collect();
    let dashboard = printed.iter().find(|line| line.starts_with("Dashboard")).unwrap();
    let dashboard = dashboard.split_whitespace().nth(1).unwrap().trim_end_matches('/');
    let get = |path: &str| http(dashboard, "GET", path, None, "").accepted();
    assert!(get("/").text().contains("<title>witness-server</title>"));
    until(|| get("/api/v1/status").json()["blocks"]["verified"].as_u64().filter(|verified| *verified >= 3));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
