//! `doctor` on a sound folder, on one without kv or journal, and killed in the middle of a repair.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

use crate::support::real_folder::{BLOCKS, Contents, contents, copy, files, grow, serve_to_the_end};
use crate::support::{Server, run_badly, run_well, sample_chain, until};

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.arg("doctor").arg("--data-dir").arg(folder).args(args).env_clear();
    command
}

fn doctor(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn readable(folder: &Path) -> Contents {
    contents(&Store::open(folder, StoreOptions::default()).unwrap()).0
}

/// Removes what the server can rebuild.
fn kept(contents: &Contents) -> Contents {
    let kept = contents.iter().filter(|(name, _)| !name.contains("job") && !name.starts_with("witness"));
    kept.map(|(name, body)| (name.clone(), body.clone())).collect()
}

#[test]
fn a_sound_folder_is_reported_as_sound_and_stays_unmodified() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    grow(&folder);
    let before = files(&folder);
    let (code, out, err) = doctor(&folder, &[]);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}{err}");
    assert!(out.contains("is sound"), "{out}");
    let (code, out, _) = doctor(&folder, &["--json"]);
    let object: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &object["sound"], &object["findings"]), (0, &true.into(), &Value::Array(vec![])));
    assert_eq!(doctor(&folder, &["--repair"]).0, 0);
    assert_eq!(files(&folder), before);
    // No other files remain.
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);

    fs::write(folder.join("blobs/0000000000000fff.tmp"), "x").unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let (code, out, _) = doctor(&folder, &[]);
    assert_eq!((code, out.lines().count()), (0, 3), "{out}");
    assert!(out.lines().any(|line| line.starts_with("left over: notes.txt: ")), "{out}");

    let store = Store::open(&folder, StoreOptions::default()).unwrap();
    let (code, _, err) = doctor(&folder, &[]);
    assert_eq!((code, err.lines().count()), (4, 1), "{err}");
    drop(store);
    assert_eq!(doctor(parent.path(), &[]).0, 4);
}

/// Name and damage; true if a repair restores everything.
type Case = (&'static str, fn(&Path), bool);

#[test]
fn lost_items_are_restored_from_the_other_copy() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    grow(&folder);
    let original = readable(&folder);
    assert_eq!(original.len(), 31, "{:?}", original.keys());
    let finished = {
        let folder = parent.path().join("finished");
        copy(&parent.path().join("data"), &folder);
        serve_to_the_end(&folder);
        readable(&folder)
    };
    let cases: [Case; 5] = [
        ("no index", |folder| fs::remove_dir_all(folder.join("index")).unwrap(), true),
        ("an index of noise", |folder| fs::write(folder.join("index/db"), [0x5a; 1 << 20]).unwrap(), true),
        ("no body of a witness", remove_a_witness, true),
        (
            "no index, and a journal that ends early",
            |folder| {
                fs::remove_dir_all(folder.join("index")).unwrap();
                let path = folder.join("journal/000001.log");
                let journal = fs::OpenOptions::new().write(true).open(&path).unwrap();
                journal.set_len(journal.metadata().unwrap().len() - 1).unwrap();
            },
            false,
        ),
        (
            "neither index nor journal",
            |folder| {
                fs::remove_dir_all(folder.join("index")).unwrap();
                fs::remove_dir_all(folder.join("journal")).unwrap();
            },
            false,
        ),
    ];
    for (name, damage, whole) in cases {
        let copied = parent.path().join("copy");
        copy(&folder, &copied);
        damage(&copied);
        let before = files(&copied);
        let (code, out, err) = doctor(&copied, &[]);
        assert_eq!(code, 6, "{name}: {out}{err}");
        assert!(out.contains("damage: "), "{name}: {out}");
        assert_eq!(files(&copied), before, "{name}");
        let (code, out, err) = doctor(&copied, &["--repair", "--json"]);
        let object: Value = serde_json::from_str(&out).unwrap_or_default();
        let aside = object["repaired"]["put_aside"].as_str();
        if whole {
            assert_eq!(code, 0, "{name}: {out}{err}");
            assert_eq!(object["repaired"]["blocks"], BLOCKS);
            // Nothing may be removed.
            let old = files(Path::new(aside.unwrap()));
            assert!(old.contains_key("report.txt"));
            assert!(
                before.iter().all(|(file, bytes)| {
                    !["index/", "blobs/", "journal/"].iter().any(|part| file.starts_with(part))
                        || old.get(file) == Some(bytes)
                }),
                "{name}"
            );
            assert_eq!(doctor(&copied, &[]).0, 0, "{name}");
            assert_eq!(kept(&readable(&copied)), kept(&original), "{name}");
            serve_to_the_end(&copied);
            let again = readable(&copied);
            assert!(again.keys().eq(finished.keys()), "{name}: {:?}", again.keys());
            assert!(again == finished, "{name}");
        } else {
            // Nothing tells which proofs there were; without a journal, the genesis is lost as well,
            // which is a part of its record.
            assert_eq!(code, 6, "{name}: {out}{err}");
            assert_eq!(files(&copied), before, "{name}");
        }
        fs::remove_dir_all(&copied).unwrap();
    }
}

fn remove_a_witness(folder: &Path) {
    let store = Store::open(folder, StoreOptions::default()).unwrap();
    let body = store.tree().witness(4).unwrap().unwrap().blob;
    drop(store);
    let zksync_witness_server::testing::internals::store::BlobRef::File { id, .. } = body else {
        panic!("a small witness")
    };
    let file = fs::read_dir(folder.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    let name = format!("{id:016x}-");
    let file = { file }.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&name)).unwrap();
    fs::remove_file(file).unwrap();
}

#[test]
fn a_killed_repair_leaves_the_old_folder_or_the_new_one_and_the_next_repair_completes_it() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    grow(&folder);
    let original = readable(&folder);
    fs::write(folder.join("index/db"), [0x5a; 1 << 20]).unwrap();
    for after_ms in [5, 40, 80, 120, 200, 400] {
        let copied = parent.path().join("copy");
        copy(&folder, &copied);
        let mut child =
            command(&copied, &["--repair"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        let (code, out, err) = doctor(&copied, &["--repair"]);
        assert_eq!(code, 0, "{after_ms} ms: {out}{err}");
        assert_eq!(doctor(&copied, &[]).0, 0, "{after_ms} ms");
        assert_eq!(kept(&readable(&copied)), kept(&original), "{after_ms} ms");
        fs::remove_dir_all(&copied).unwrap();
    }
}

#[test]
fn a_repair_asks_before_it_loses_anything() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    grow(&folder);
    // The kv is lost, and a block in the journal has damaged content behind a sound header.
    fs::write(folder.join("index/db"), [0x5a; 1 << 20]).unwrap();
    let journal = folder.join("journal/000001.log");
    let mut bytes = fs::read(&journal).unwrap();
    let is_block_5 = |at: &usize| {
        let header = &bytes[*at..];
        // The kind and the first block.
        header.starts_with(b"zkwsbody") && (header[9], header[12]) == (2, 5)
    };
    let header = (0..bytes.len() - 72).find(is_block_5).unwrap();
    bytes[header + 72 + 10] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let before = files(&folder);
    let (code, out, err) = doctor(&folder, &["--repair", "--json"]);
    let object: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &object["repaired"]), (6, &Value::Null), "{out}{err}");
    let lost = object["would_lose"].as_array().unwrap();
    assert!(lost.iter().any(|line| line.as_str().unwrap().starts_with("lost: block 5: ")), "{out}");
    // The block after it follows from it.
    assert!(err.contains("2 blocks") && err.contains("--accept-loss"), "{err}");
    assert_eq!(files(&folder), before);
    assert_eq!(doctor(&folder, &["--accept-loss"]).0, 2);

    let (code, out, err) = doctor(&folder, &["--repair", "--accept-loss", "--json"]);
    let object: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &object["repaired"]["blocks"]), (6, &(BLOCKS - 2).into()), "{out}{err}");
    assert!(!object["repaired"]["lost"].as_array().unwrap().is_empty());
    assert_eq!(doctor(&folder, &[]).0, 0);
}

/// The server does not end: earlier blocks are served.
#[test]
fn a_block_whose_file_is_damaged_is_named_by_the_running_server() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let dir = folder.to_str().unwrap();
    run_well(&["import", "--data-dir", dir, &sample_chain()]);
    let third = fs::read_dir(folder.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    let third = third.min_by_key(|path| !path.to_str().unwrap().contains("/0000000000000003-")).unwrap();
    let mut bytes = fs::read(&third).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&third, bytes).unwrap();

    let server = Server::start(&folder, &[]);
    let fault = until(|| {
        let status = server.get("/api/v1/status").json();
        Some(status["witness_fault"].clone()).filter(|fault| !fault.is_null())
    });
    let block = fault["block"].as_u64().unwrap();
    assert!((1..8).contains(&block), "{fault}");
    let told = |args: &[&str]| {
        let mut args = args.to_vec();
        args.extend(["--url", &server.admin]);
        String::from_utf8(run_well(&args)).unwrap()
    };
    let problem = format!("The witness of block {block} cannot be built, and later blocks wait: ");
    assert!(told(&["status"]).contains(&problem), "{}", told(&["status"]));
    let explained = told(&["explain", "block", &block.to_string()]);
    assert!(explained.contains("its witness cannot be built") && explained.contains("doctor"), "{explained}");
    let behind = told(&["explain", "block", &(block + 1).to_string()]);
    assert!(behind.contains(&format!("waits behind block {block}")), "{behind}");
    assert_eq!(server.terminate(), Some(0));
    run_badly(&["doctor", "--data-dir", dir], 6);
}
