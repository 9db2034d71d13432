//! Every JSON type reads the reference's data and writes it back unchanged.
//!
//! Ignored by default, because not all of these vectors are part of the repository.
//! `WITNESS_VECTORS` names their folder.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::path::{Path, PathBuf};
use zksync_witness_server::testing::internals::crypto::fr;
use zksync_witness_server::testing::internals::domain::{
    AccountMap, AggregatedOperation, AggregatedProof, AggregatedProofParts, CHUNK_BYTES,
    EncodedAggregatedProof, ImportedBlock, ProverInputRequest, ProverInputResponse, ProverOutputRequest,
    ProverStopped, RequiredReplicasInput, RequiredReplicasOutput, SingleProof, WorkingOn, public_input,
};

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
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
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
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
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
            }
        }
    }
}

#[test]
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
fn aggregated_operations_round_trip() {
    for name in ["aggregated_operation_commit", "aggregated_operation_create_proof"] {
        assert_round_trip::<AggregatedOperation>(&vectors().join(format!("protocol/{name}.json")));
    }
}

fn protocol(name: &str) -> PathBuf {
    vectors().join(format!("protocol/{name}.json"))
}

#[test]
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
fn prover_messages_round_trip() {
    for name in ["prover_input_request", "prover_input_request_aux", "prover_input_request_empty_name"] {
        assert_round_trip::<ProverInputRequest>(&protocol(name));
    }
    for (name, has_data) in [("empty", false), ("aggregated", true), ("block_proof", true)] {
        let file = protocol(&format!("prover_input_response_{name}"));
        let response = assert_round_trip::<ProverInputResponse>(&file);
        assert_eq!(response.data.is_some(), has_data, "{name}");
        // The server hands out the stored bytes.
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(serde_json::to_string(&response).unwrap(), text.trim_end(), "{name}");
    }
    for name in ["aggregated", "block_proof"] {
        assert_round_trip::<ProverOutputRequest>(&protocol(&format!("prover_output_request_{name}")));
    }
    assert_round_trip::<WorkingOn>(&protocol("working_on"));
    assert_round_trip::<ProverStopped>(&protocol("prover_stopped_client"));
    let bare = std::fs::read(protocol("prover_stopped_server_expects")).unwrap();
    assert_eq!(serde_json::from_slice::<ProverStopped>(&bare).unwrap().prover_name, "prover-1");
    assert_round_trip::<RequiredReplicasInput>(&protocol("required_replicas_input"));
    assert_round_trip::<RequiredReplicasOutput>(&protocol("required_replicas_output"));
}

#[test]
#[ignore = "vectors: all of the folder WITNESS_VECTORS"]
fn proofs_parse_and_encode_as_the_reference() {
    let blocks: Vec<ImportedBlock> = json_files(&vectors().join("protocol/chain/blocks"))
        .iter()
        .map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
        .collect();
    let mut inputs = Vec::new();
    for (number, ImportedBlock { block, .. }) in (1..).zip(&blocks) {
        let proof = assert_round_trip::<SingleProof>(&protocol(&format!("single_proof_block{number}")));
        let parts = proof.validate().unwrap();
        assert_eq!(parts.inputs, [public_input(&block.block_commitment)]);
        assert_eq!(SingleProof::from(&parts), proof);
        inputs.extend(parts.inputs);
    }
    let proof = assert_round_trip::<AggregatedProof>(&protocol("aggregated_proof"));
    let parts = proof.validate().unwrap();
    assert_eq!(proof.individual_vk_inputs, inputs);
    assert_eq!(parts.to_bytes(), proof.proof);
    let encoded = assert_round_trip::<EncodedAggregatedProof>(&protocol("encoded_aggregated_proof"));
    assert_eq!(proof.encode().unwrap(), encoded);

    let empty = assert_round_trip::<AggregatedProof>(&protocol("aggregated_proof_default"));
    assert_eq!(empty.parse().unwrap(), AggregatedProofParts::default());
}
