#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

//! Blocks of the sample chain as bundles: exported ones hold, and each alteration is found.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::content::StateBefore;
use super::file::{self, FileError, HEAD, MAX_JSON};
use super::*;
use crate::domain::Quarantine;
use crate::store::{Store, StoreError};
use crate::workers::testing::{Sample, empty};
use crate::workers::{Node, NodeOptions};

/// 2026-01-01 in milliseconds.
const NOW: u64 = 1_767_225_600_000;

/// A store with the whole sample chain witnessed and block 2 proven, and the number of its blocks.
static WITNESSED: LazyLock<(tempfile::TempDir, Arc<Store>, u32)> = LazyLock::new(|| {
    let sample = Sample::read();
    let (dir, store) = empty();
    let head = sample.blocks.len() as u32;
    let mut rebuild = sample.rebuild(&store, head);
    assert!(rebuild.proof(&sample.proof(2, "p")).unwrap());
    rebuild.finish().unwrap();
    let node = Node::new(store.clone(), NodeOptions::default());
    node.start_maintainers(head).unwrap();
    while store.tree().head().unwrap() < head {
        assert!(!node.has_failed());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    node.stop();
    (dir, store, head)
});

static SECOND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (_, store, _) = &*WITNESSED;
    export(store, 2, NOW).unwrap().to_file().unwrap()
});

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.lines.iter().map(|line| line.outcome).collect()
}

/// Checks the bundle of block 2 after a change of its JSON, which must make it fail.
fn altered(change: impl FnOnce(&mut Value)) -> Report {
    let bundle = Bundle::of_file(&SECOND).unwrap();
    // The stored witness is a `RawValue`, so that its bytes survive the conversion.
    let mut json = serde_json::to_value(&bundle).unwrap();
    change(&mut json);
    let report = check(&file::pack(&serde_json::to_vec(&json).unwrap()).unwrap()).unwrap();
    assert!(!report.holds, "{report:?}");
    report
}

fn fails(report: &Report, at: Check, words: &str) {
    let line = report.finding().unwrap();
    assert_eq!(line.check, at, "{report:?}");
    assert!(line.detail.contains(words), "{words:?} is not in {line}");
}

#[test]
fn every_block_holds_even_after_the_tree_has_moved_on() {
    use Outcome::{Absent, Holds};
    let (_, store, head) = &*WITNESSED;
    for number in 1..=*head {
        let report = check(&export(store, number, NOW).unwrap().to_file().unwrap()).unwrap();
        assert!(report.holds, "{report:?}");
        assert_eq!(report.block, Some(number));
        let proof = if number == 2 { Holds } else { Absent };
        let expected = [[Holds; 9].as_slice(), &[proof, Absent]].concat();
        assert_eq!(outcomes(&report), expected, "{report:?}");
    }
}

#[test]
fn a_block_without_a_witness_holds_and_its_witness_is_absent() {
    let (_dir, store) = empty();
    Sample::read().rebuild(&store, 2);
    let report = check(&export(&store, 1, NOW).unwrap().to_file().unwrap()).unwrap();
    assert!(report.holds, "{report:?}");
    assert_eq!(report.lines[Check::Witness as usize].outcome, Outcome::Absent);
    let error = export(&store, 2, NOW).unwrap_err();
    let is_about_the_tree = |what: &str| what.starts_with("tree before block 2");
    assert!(
        matches!(&error, ExportError::Store(StoreError::NotFound { what }) if is_about_the_tree(what)),
        "{error}"
    );
    let error = export(&store, 9, NOW).unwrap_err();
    assert!(matches!(error, ExportError::Store(StoreError::NotFound { .. })), "{error}");
}

#[test]
fn every_flipped_byte_is_found() {
    let file = &*SECOND;
    let places = (0..HEAD).chain((HEAD..file.len()).step_by(97)).chain([file.len() - 1]);
    for at in places {
        for bit in [0, 7] {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            let report = check(&damaged).unwrap();
            assert_eq!(report.finding().unwrap().check, Check::File, "byte {at}");
            assert!(outcomes(&report)[1..].iter().all(|outcome| *outcome == Outcome::NotChecked));
        }
    }
    for length in [0, 1, HEAD - 1, HEAD, file.len() - 1] {
        assert!(!check(&file[..length]).unwrap().holds, "{length}");
    }
    assert!(!check(&[&file[..], b"x"].concat()).unwrap().holds);
}

#[test]
fn a_later_format_is_an_error_and_lengths_are_bounded() {
    let sealed = |at: usize, bytes: &[u8]| {
        let mut file = SECOND.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32fast::hash(&file[..HEAD - 4]);
        file[HEAD - 4..HEAD].copy_from_slice(&crc.to_le_bytes());
        file
    };
    assert!(matches!(check(&sealed(16, &[2, 0, 0, 0])), Err(FileError::LaterFormat { found: 2, known: 1 })));
    let long = check(&sealed(20, &(MAX_JSON + 1).to_le_bytes())).unwrap();
    fails(&long, Check::File, "more than the limit");
    let short = check(&sealed(20, &100u64.to_le_bytes())).unwrap();
    fails(&short, Check::File, "the length of its JSON");
}

#[test]
fn a_bundle_is_a_zstd_file_with_json() {
    let json = zstd::decode_all(&SECOND[..]).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["block"], 2);
    assert_eq!(json["imported"]["block"]["block_number"], 2);
}

#[test]
fn each_alteration_behind_the_checksums_fails_its_check() {
    fails(&altered(|json| json["block"] = json!(3)), Check::Block, "has number 2");
    fails(&altered(|json| json["imported"]["block"] = json!(3)), Check::Block, "");
    let balance = |json: &mut Value| {
        let balances = json["before"]["balances"].as_array_mut().unwrap();
        let held = balances.iter_mut().find(|entry| entry["balance"] != "0").unwrap();
        held["balance"] = json!("1");
    };
    fails(&altered(balance), Check::RootBefore, "lead to the root");
    let nonce = |json: &mut Value| json["before"]["accounts"][0]["leaf"]["nonce"] = json!(77);
    fails(&altered(nonce), Check::RootBefore, "the paths lead to");
    let node = |json: &mut Value| drop(json["before"]["nodes"].as_array_mut().unwrap().pop());
    fails(&altered(node), Check::RootBefore, "lead to");
    let stray = json!({"account": null, "level": 3, "index": 99_999, "hash": "0".repeat(64)});
    let stray = |json: &mut Value| json["before"]["nodes"].as_array_mut().unwrap().push(stray);
    fails(&altered(stray), Check::RootBefore, "is not next to a path");
    let root = |json: &mut Value| json["before"]["root"] = json!("0".repeat(64));
    fails(&altered(root), Check::RootBefore, "the bundle says 0000");
    let outcomes = |json: &mut Value| json["signature_outcomes"] = json!("07");
    fails(&altered(outcomes), Check::Signatures, "stored are 07");
    let updates = |json: &mut Value| json["imported"]["accounts_updated"] = json!([]);
    fails(&altered(updates), Check::AccountUpdates, "disagree with the operations");
    let proof = |json: &mut Value| json["proof"]["proof"] = json!("AAEC");
    fails(&altered(proof), Check::Proof, "");
    let other = |json: &mut Value| {
        let proof = Sample::read().proof(3, "p").json;
        json["proof"]["proof"] = serde_json::from_slice(&proof).unwrap();
    };
    fails(&altered(other), Check::Proof, "public input");
    let timestamp = |json: &mut Value| json["imported"]["block"]["timestamp"] = json!(5);
    let report = altered(timestamp);
    fails(&report, Check::Commitment, "the commitment of the operations");
    assert_eq!(report.lines[Check::RootAfter as usize].outcome, Outcome::Holds);
    assert_eq!(report.lines[Check::Witness as usize].outcome, Outcome::NotChecked);
    let root = |json: &mut Value| json["imported"]["block"]["new_root_hash"] = json!("1".repeat(64));
    let report = altered(root);
    fails(&report, Check::RootAfter, "the root after all operations and fees");
    let witness = |json: &mut Value| json["witness"]["operations"][0]["tx_type"] = json!("0".repeat(64));
    fails(&altered(witness), Check::Witness, "differs from the computed witness");
    let more = |json: &mut Value| json["witness"]["zzz"] = json!(0);
    fails(&altered(more), Check::Witness, "differs");
}

#[test]
fn a_missing_leaf_is_not_mistaken_for_an_empty_one() {
    // The leaf is removed with its path: the hash beside the other paths still leads to the root.
    let (_, store, _) = &*WITNESSED;
    let bundle = export(store, 2, NOW).unwrap();
    let proof = bundle.before.multiproof().unwrap();
    let tree = crate::tree::PartialTree::new(proof.clone()).unwrap();
    let view = crate::tree::TreeView::new(Arc::new(tree));
    let fee_account: Value = serde_json::from_str(bundle.imported.get()).unwrap();
    let fee_account = fee_account["block"]["fee_account"].as_u64().unwrap() as u32;
    let less = |balances: &std::collections::BTreeSet<(u32, u32)>| {
        let accounts = proof.accounts.keys().copied().collect();
        let proof = crate::tree::Multiproof::read(&view, &accounts, balances).unwrap();
        let mut bundle = bundle.clone();
        bundle.before = StateBefore::new(bundle.before.root, &proof);
        check(&bundle.to_file().unwrap()).unwrap()
    };
    let all: std::collections::BTreeSet<_> = proof.balances.keys().copied().collect();
    assert!(less(&all).holds);
    for left_out in &all {
        let report = less(&all.iter().copied().filter(|key| key != left_out).collect());
        let line = report.finding().unwrap();
        assert!([Check::Operations, Check::AccountUpdates].contains(&line.check), "{left_out:?}: {report:?}");
        assert!(line.detail.contains("is not among the given"), "{left_out:?}: {line}");
    }
    assert!(all.iter().any(|(account, _)| *account == fee_account));
}

#[test]
fn a_quarantine_whose_reason_is_not_reproduced_fails() {
    let (_dir, store) = empty();
    Sample::read().rebuild(&store, 1);
    let quarantine =
        Quarantine { reason: "no".into(), operation: Some(1), kind: Some("Deposit".into()), at_ms: 7 };
    store.chain().set_quarantine(1, quarantine).unwrap();
    let report = check(&export(&store, 1, NOW).unwrap().to_file().unwrap()).unwrap();
    fails(&report, Check::Quarantine, "recorded reason: no");
}
