//! What the server acknowledged, and the check that all of it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;
use zksync_witness_server::api::paths;
use zksync_witness_server::client::Client;
use zksync_witness_server::domain::Block;

/// Number of connections that read at the same time.
const READERS: usize = 16;

/// What the server acknowledged.
#[derive(Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// Hash of the stored JSON of each block, the first at index 0.
    blocks: Vec<blake3::Hash>,
    /// Blocks that are not executed yet: the operations that follow carry them.
    open: BTreeMap<u32, Block>,
    /// Hash of the JSON of each proof.
    proofs: BTreeMap<u32, blake3::Hash>,
    /// The same of aggregated proofs, by first and last block.
    aggregated: BTreeMap<(u32, u32), blake3::Hash>,
    /// Ranges with an aggregated proof that are not executed yet.
    to_execute: BTreeSet<(u32, u32)>,
}

/// What was looked for at the end.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Found {
    /// Acknowledged blocks.
    pub blocks: usize,
    /// Acknowledged proofs of blocks.
    pub proofs: usize,
    /// Acknowledged proofs of ranges.
    pub aggregated_proofs: usize,
    /// How many of all these are not there, or differ.
    pub missing: usize,
    /// The first of them.
    pub first_missing: Vec<String>,
}

impl Ledger {
    fn with<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next block is stored.
    pub fn imported(&self, block: Block, json: &[u8]) {
        let hash = blake3::hash(json);
        self.with(|entries| {
            entries.blocks.push(hash);
            entries.open.insert(block.block_number.0, block);
        });
    }

    /// The proof of a block is stored.
    pub fn proven(&self, block: u32, json: &[u8]) {
        let hash = blake3::hash(json);
        self.with(|entries| entries.proofs.insert(block, hash));
    }

    /// The proof of a range is stored.
    pub fn aggregated(&self, range: (u32, u32), json: &[u8]) {
        let hash = blake3::hash(json);
        self.with(|entries| {
            entries.aggregated.insert(range, hash);
            entries.to_execute.insert(range);
        });
    }

    /// Blocks without a proof.
    pub fn unproven(&self) -> usize {
        self.with(|entries| entries.blocks.len().saturating_sub(entries.proofs.len()))
    }

    /// The blocks of the next range to execute, if its proof is there.
    pub fn next_to_execute(&self) -> Option<Vec<Block>> {
        self.with(|entries| {
            let (next, _) = entries.open.first_key_value()?;
            let range = *entries.to_execute.first().filter(|(first, _)| first == next)?;
            entries.to_execute.remove(&range);
            Some((range.0..=range.1).filter_map(|number| entries.open.remove(&number)).collect())
        })
    }

    /// Reads everything that the server acknowledged, over several connections.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub async fn check(&self, client: &Client) -> anyhow::Result<Found> {
        let (blocks, proofs, aggregated) =
            self.with(|entries| (entries.blocks.clone(), entries.proofs.clone(), entries.aggregated.clone()));
        let mut found = Found {
            blocks: blocks.len(),
            proofs: proofs.len(),
            aggregated_proofs: aggregated.len(),
            ..Found::default()
        };
        let blocks = (1..).zip(blocks).map(|(number, hash)| (paths::block(number), hash));
        let proofs = proofs.into_iter().map(|(number, hash)| (paths::proof(number), hash));
        let aggregated =
            aggregated.into_iter().map(|((first, last), hash)| (paths::aggregated_proof(first, last), hash));
        let all: Vec<(String, blake3::Hash)> = blocks.chain(proofs).chain(aggregated).collect();
        let mut readers = tokio::task::JoinSet::new();
        for share in all.chunks(all.len().div_ceil(READERS).max(1)) {
            readers.spawn(missing(client.with_own_connections(), share.to_vec()));
        }
        while let Some(missing) = readers.join_next().await {
            let missing = missing??;
            found.missing += missing.len();
            found.first_missing.extend(missing);
        }
        found.first_missing.truncate(10);
        Ok(found)
    }
}

/// Returns the paths of those that are missing or differ.
async fn missing(client: Client, share: Vec<(String, blake3::Hash)>) -> anyhow::Result<Vec<String>> {
    let mut missing = Vec::new();
    for (path, hash) in share {
        let answer = client.get(&path).await?;
        if answer.status != StatusCode::OK || blake3::hash(&answer.body) != hash {
            missing.push(format!("{path}: {}", answer.status));
        }
    }
    Ok(missing)
}

#[cfg(test)]
#[allow(unused_imports, dead_code, reason = "a benchmark has no test harness; tests/ runs these")]
mod tests {
    use super::*;
    use zksync_witness_server::testing::ChainBuilder;

    #[test]
    fn ranges_are_executed_in_order_and_once() {
        let ledger = Ledger::default();
        let mut chain = ChainBuilder::new(4, 1);
        for _ in 0..5 {
            ledger.imported(chain.next_block_of(2, 0).block, b"{}");
        }
        ledger.proven(1, b"p");
        assert_eq!(ledger.unproven(), 4);
        ledger.aggregated((3, 4), b"a");
        assert!(ledger.next_to_execute().is_none(), "blocks 1 and 2 come first");
        ledger.aggregated((1, 2), b"a");
        let numbers =
            |blocks: Vec<Block>| blocks.iter().map(|block| block.block_number.0).collect::<Vec<_>>();
        assert_eq!(ledger.next_to_execute().map(numbers), Some(vec![1, 2]));
        assert_eq!(ledger.next_to_execute().map(numbers), Some(vec![3, 4]));
        assert!(ledger.next_to_execute().is_none());
    }
}
