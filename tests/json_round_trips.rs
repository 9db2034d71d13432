//! Every JSON type reads the reference's data and writes it back unchanged.
//!
//! Ignored unless asked for: the vectors are not all part of the repository. `WITNESS_VECTORS` names their folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::path::{Path, PathBuf};
use zksync_witness_server::domain::{AccountMap, AggregatedOperation, ImportedBlock};

fn vectors() -> PathBuf {
    std::env::var_os("WITNESS_VECTORS").expect("WITNESS_VECTORS names the folder of the vectors").into()
}

fn chains() -> Vec<PathBuf> {
    let root = vectors();
    let mut chains = vec![root.join("chain_mixed"), root.join("protocol/chain")];
    chains.extend(std::fs::read_dir(root.join("ops")).unwrap().map(|entry| entry.unwrap().path()));
    chains
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "json"));
    files.sort();
    files
}

fn assert_round_trip<T: Serialize + DeserializeOwned>(file: &Path) -> T {
    let text = std::fs::read_to_string(file).unwrap();
    let typed: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let original: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), original, "{}", file.display());
    typed
}

#[test]
#[ignore = "needs WITNESS_VECTORS"]
fn blocks_and_genesis_round_trip() {
    let mut blocks = 0;
    for chain in chains() {
        assert_round_trip::<AccountMap>(&chain.join("genesis.json"));
        for file in json_files(&chain.join("blocks")) {
            assert_round_trip::<ImportedBlock>(&file);
            blocks += 1;
        }
    }
    assert!(blocks > 80, "{blocks} blocks");
}

#[test]
#[ignore = "needs WITNESS_VECTORS"]
fn aggregated_operations_round_trip() {
    for name in ["aggregated_operation_commit", "aggregated_operation_create_proof"] {
        assert_round_trip::<AggregatedOperation>(&vectors().join(format!("protocol/{name}.json")));
    }
}
