//! The sample chain as items of a rebuild, for tests of workers, backups and bundles.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use super::rebuild::Rebuild;
use crate::chain_folder::{ChainFile, ChainFolder};
use crate::domain::{
    AccountMap, AggregatedOperation, Block, ImportedBlock, public_input, sample_aggregated_proof,
    sample_single_proof,
};
use crate::store::{ImportedProof, Store, StoreOptions};

/// The sample chain in its stored form.
pub(crate) struct Sample {
    pub genesis: Vec<u8>,
    /// The blocks, from block 1 on.
    pub blocks: Vec<Vec<u8>>,
}

fn canonical<T: DeserializeOwned + Serialize>(file: &ChainFile) -> Vec<u8> {
    serde_json::to_vec(&serde_json::from_slice::<T>(&file.read().unwrap()).unwrap()).unwrap()
}

impl Sample {
    pub(crate) fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
        let chain = ChainFolder::open(&folder).unwrap();
        Self {
            genesis: canonical::<AccountMap>(chain.genesis()),
            blocks: chain.blocks().iter().map(|block| canonical::<ImportedBlock>(&block.file)).collect(),
        }
    }

    /// Rebuilds genesis and the first blocks.
    pub(crate) fn rebuild<'a>(&self, store: &'a Store, blocks: u32) -> Rebuild<'a> {
        let mut rebuild = Rebuild::new(store).unwrap();
        assert!(rebuild.genesis(0, &self.genesis, &|_, _| {}).unwrap());
        for (number, body) in (1..=blocks).zip(&self.blocks) {
            assert!(rebuild.block(number, body).unwrap(), "{:?}", rebuild.report());
        }
        rebuild
    }

    fn block(&self, number: u32) -> Block {
        let body = &self.blocks[number as usize - 1];
        serde_json::from_slice::<ImportedBlock>(body).unwrap().block
    }

    /// A proof that the server accepts for this block.
    pub(crate) fn proof(&self, block: u32, prover: &str) -> ImportedProof {
        let input = public_input(&self.block(block).block_commitment);
        let json = serde_json::to_vec(&sample_single_proof(&input, block.into())).unwrap();
        ImportedProof { first: block, last: block, prover: Some(prover.into()), stored_at_ms: 7, json }
    }

    /// An aggregated proof that the server accepts for these blocks.
    pub(crate) fn aggregated_proof(&self, first: u32, last: u32, prover: &str) -> ImportedProof {
        let input = |number| public_input(&self.block(number).block_commitment);
        let inputs: Vec<_> = (first..=last).map(input).collect();
        let json = serde_json::to_vec(&sample_aggregated_proof(&inputs, first.into())).unwrap();
        ImportedProof { first, last, prover: Some(prover.into()), stored_at_ms: 8, json }
    }

    /// A `CreateProofBlocks` in its stored form.
    pub(crate) fn create_proof(&self, first: u32, last: u32) -> Vec<u8> {
        let blocks = (first..=last).map(|number| self.block(number)).collect();
        serde_json::to_vec(&AggregatedOperation::CreateProofBlocks { blocks, proofs_to_pad: 0 }).unwrap()
    }

    /// An `ExecuteBlocks` in its stored form.
    pub(crate) fn execute(&self, first: u32, last: u32) -> Vec<u8> {
        let blocks = (first..=last).map(|number| self.block(number)).collect();
        serde_json::to_vec(&AggregatedOperation::ExecuteBlocks { blocks }).unwrap()
    }
}

pub(crate) fn empty() -> (tempfile::TempDir, std::sync::Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    (dir, std::sync::Arc::new(store))
}
