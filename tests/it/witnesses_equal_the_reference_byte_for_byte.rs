//! A chain is imported, its witnesses are built and exported: every byte equals the reference's.

use std::path::Path;
use std::process::{Command, Output};

use zksync_witness_server::chain_folder::ChainFolder;
use zksync_witness_server::testing::internals::crypto::rescue;
use zksync_witness_server::testing::internals::crypto::rescue::Engine;
use zksync_witness_server::testing::internals::workers::Imported;

use crate::bundles_replay_anywhere::bundle_replays_to;
use crate::support::{
    heavy,
    real_folder::node,
    until,
    vectors::{self, Chain},
};

fn witness_server(data: &Path, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn check_exports(chain: &Chain, data: &Path) {
    for (index, expected) in chain.expected.iter().enumerate() {
        let number = (index + 1).to_string();
        let witness = witness_server(data, &["export", "witness", &number]).stdout;
        assert!(witness == vectors::read(expected), "{}: block {number} differs", chain.name);
    }
}

/// Imports a chain, builds its witnesses in this process, and compares what is stored. Checks the
/// bundle of the first block before there are others.
fn check(chain: &Chain) {
    let data = tempfile::tempdir().unwrap();
    let node = node(data.path());
    let folder = ChainFolder::open(&chain.folder).unwrap();
    node.import_genesis(&folder.genesis().read().unwrap(), &|_, _| ()).unwrap();
    for block in folder.blocks() {
        let (number, outcome) = node.import_block(&block.file.read().unwrap()).unwrap();
        assert_eq!((number, outcome), (block.number, Imported::Stored), "{}", chain.name);
        if number == 1 {
            bundle_replays_to(&chain.expected[0], node.store(), &chain.name);
        }
    }
    let last = chain.expected.len() as u32;
    node.start_maintainers(last).unwrap();
    until(|| (node.has_failed() || node.store().tree().head().unwrap() >= last).then_some(()));
    node.stop();
    for (number, expected) in (1..).zip(&chain.expected) {
        let record = node.store().tree().witness(number).unwrap();
        let record = record.unwrap_or_else(|| panic!("{}: block {number} has no witness", chain.name));
        let witness = node.store().read_blob(&record.blob).unwrap();
        assert!(witness == vectors::read(expected), "{}: block {number} differs", chain.name);
    }
}

/// Checks with the commands, with the engine set for each that hashes.
fn check_with(chain: &Chain, engine: Engine) {
    let data = tempfile::tempdir().unwrap();
    let name = engine.name();
    for command in [&["import", chain.folder.to_str().unwrap()][..], &["witness"]] {
        let flags = ["--cpu-features", name, "--log", "zksync_witness_server=debug"];
        let output = witness_server(data.path(), &[command, &flags].concat());
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains(&format!("engine={name}")), "{command:?} {flags:?}: {log}");
    }
    check_exports(chain, data.path());
}

/// Returns the engines of this processor, except for franklin-crypto itself.
fn engines() -> impl Iterator<Item = Engine> {
    [Engine::Portable, Engine::Fma, Engine::Ifma].into_iter().filter(|engine| rescue::is_available(*engine))
}

#[test]
fn all_chains_in_this_repository_and_bundles_of_their_first_blocks() {
    let _heavy = heavy();
    let chains = vectors::shipped();
    assert!(chains.len() > 70);
    // In parallel, because most of the time is spent waiting for the disk.
    std::thread::scope(|scope| {
        for some in chains.chunks(10) {
            scope.spawn(move || some.iter().for_each(check));
        }
    });
}

#[test]
fn a_chain_by_each_engine_that_is_set() {
    let _heavy = heavy();
    let chains = vectors::shipped();
    let chain = chains.iter().find(|chain| chain.name == "deposit").unwrap();
    engines().for_each(|engine| check_with(chain, engine));
}

/// Every chain below the folder, by each engine.
#[test]
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
fn all_chains_below_a_folder_of_vectors() {
    let Some(folder) = std::env::var_os("WITNESS_VECTORS") else {
        panic!("set WITNESS_VECTORS to a folder of vectors");
    };
    let chains = vectors::in_folder(Path::new(&folder));
    assert!(!chains.is_empty(), "no chain with expected witnesses below {}", folder.display());
    for engine in engines() {
        chains.iter().for_each(|chain| check_with(chain, engine));
        println!("{engine}: {} chains", chains.len());
    }
}
