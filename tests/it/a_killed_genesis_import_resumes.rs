//! The import of a genesis is killed (SIGKILL) several times and started again each time: it
//! resumes where it stopped, and in the end every record equals that of an uninterrupted import.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};
use zksync_witness_server::testing::internals::tree::record;
use zksync_witness_server::testing::internals::tree::source::Entry;

use crate::support::heavy;

/// Accounts of the genesis: seven chunks of the import.
const ACCOUNTS: u32 = 7_168;

const MARK: &str = "part of the genesis is on disk accounts=";
const RESUMED: &str = "an interrupted import of the genesis continues accounts=";

fn import(data: &Path, chain: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(["--log", "zksync_witness_server=debug,info", "import", "--data-dir"])
        .args([data, chain])
        .env_clear()
        // The size of a chunk depends on the number of cores.
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the numbers after `words` in the lines of standard error, until `enough` of them were
/// read or the process ends; then kills it.
fn numbers(child: &mut Child, words: &str, enough: usize) -> Vec<u32> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| {
        let (_, rest) = line.split_once(words)?;
        rest.split(' ').next()?.parse().ok()
    };
    let found = lines.filter_map(number).take(enough).collect();
    // The process may have ended already.
    let _ = child.kill();
    child.wait().unwrap();
    found
}

/// Returns all records of the tree and of the accounts.
fn content(store: &Store) -> (Vec<Entry>, Vec<String>) {
    let tree = store.tree().source().range(&[0], &[0xff], usize::MAX).unwrap();
    let accounts = (0..ACCOUNTS).map(|id| {
        format!("{:?} {:?}", store.chain().account(id).unwrap(), store.chain().balances(id, 0, 10).unwrap())
    });
    (tree, accounts.collect())
}

fn open(folder: &Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

#[test]
fn a_genesis_import_that_is_killed_repeatedly_equals_an_uninterrupted_one() {
    let _heavy = heavy();
    let folder = tempfile::tempdir().unwrap();
    let [chain, killed, whole] = ["chain", "killed", "whole"].map(|name| folder.path().join(name));
    fs::create_dir_all(chain.join("blocks")).unwrap();
    let mut builder = Chain::with_accounts(ACCOUNTS, 2);
    fs::write(chain.join("genesis.json"), serde_json::to_vec(&builder.genesis()).unwrap()).unwrap();
    let root = builder.root();
    let block = serde_json::to_vec(&builder.next_block(10)).unwrap();
    fs::write(chain.join("blocks/1.json"), &block).unwrap();

    // First before any chunk is marked, then each time after more chunks than in the run before.
    let mut early = import(&killed, &chain);
    std::thread::sleep(Duration::from_millis(60));
    early.kill().unwrap();
    early.wait().unwrap();
    let mut done = 0;
    for marks in [1, 2, 1] {
        let marked = numbers(&mut import(&killed, &chain), MARK, marks);
        assert!(marked[0] > done, "{marked:?} after {done}");
        done = *marked.last().unwrap();
        if done == ACCOUNTS {
            break;
        }
        let store = open(&killed);
        assert_eq!(store.chain().genesis().unwrap(), None, "the genesis exists before its end");
        assert_eq!(store.tree().source().get(record::ROOTS).unwrap(), None);
    }
    let resumed = numbers(&mut import(&killed, &chain), RESUMED, usize::MAX);
    assert!(resumed.len() == 1 && resumed[0] >= done, "{resumed:?}, {done} were done");
    assert_eq!(numbers(&mut import(&whole, &chain), RESUMED, usize::MAX), Vec::<u32>::new());

    let (killed, whole) = (open(&killed), open(&whole));
    assert_eq!(killed.chain().genesis().unwrap(), whole.chain().genesis().unwrap());
    assert_eq!(killed.chain().genesis().unwrap().unwrap().root, fr::to_bytes(&root));
    assert_eq!(killed.chain().genesis_json().unwrap(), whole.chain().genesis_json().unwrap());
    assert!(content(&killed) == content(&whole));
    assert_eq!(killed.chain().head().unwrap(), 1);
    assert_eq!(killed.check_everything().unwrap(), Vec::<String>::new());
}
