//! Every JSON type reads the reference's data and writes it back unchanged.
//!
//! Ignored unless asked for: the vectors are not all part of the repository. `WITNESS_VECTORS` names their folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::path::{Path, PathBuf};
use zksync_witness_server::crypto::fr;
use zksync_witness_server::domain::{AccountMap, AggregatedOperation, CHUNK_BYTES, ImportedBlock, ZkSyncOp};

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
fn commitments_and_gas_limits_are_the_references() {
    for chain in chains() {
        let meta: Value = serde_json::from_slice(&std::fs::read(chain.join("meta.json")).unwrap()).unwrap();
        let mut root = fr::from_hex(meta["genesis_root_hash"].as_str().unwrap()).unwrap();
        for (file, expected) in
            json_files(&chain.join("blocks")).iter().zip(meta["blocks"].as_array().unwrap())
        {
            let ImportedBlock { block, .. } = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let commitment = block.compute_commitment(&root).unwrap();
            assert_eq!(commitment, block.block_commitment, "{}", file.display());
            assert_eq!(hex::encode(commitment.0), expected["block_commitment"]);
            let gas = block.compute_gas_limits();
            assert_eq!((gas.commit, gas.verify), (block.commit_gas_limit, block.verify_gas_limit));
            assert_eq!(block.chunks_used() as u64, expected["chunks_used"]);
            root = block.new_root_hash;
            for op in block.ops() {
                let data = op.public_data().unwrap();
                assert_eq!(data.len(), op.chunks() * CHUNK_BYTES);
                let decoded = ZkSyncOp::from_public_data(&data).unwrap();
                assert_eq!(decoded.public_data().unwrap(), data, "{}", file.display());
                assert_eq!(decoded.withdrawal_data(), op.withdrawal_data());
            }
        }
    }
}

#[test]
#[ignore = "needs WITNESS_VECTORS"]
fn aggregated_operations_round_trip() {
    for name in ["aggregated_operation_commit", "aggregated_operation_create_proof"] {
        assert_round_trip::<AggregatedOperation>(&vectors().join(format!("protocol/{name}.json")));
    }
}
