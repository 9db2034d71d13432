//! The blocks and proofs that the server acknowledged, and the check that all of them are stored.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;
use zksync_witness_server::api::paths;
use zksync_witness_server::client::Client;
use zksync_witness_server::testing::internals::domain::Block;
use zksync_witness_server::testing::ledger::{self, Range};

/// Number of connections that read at the same time.
const READERS: usize = 16;

/// The ledger that all tasks share.
#[derive(Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    known: ledger::Ledger,
    /// Number of blocks with a proof.
    proven: usize,
    /// Last executed block.
    executed: u32,
    /// Blocks that are not executed yet; `ExecuteBlocks` operations contain them.
    open: BTreeMap<u32, Block>,
}

/// The outcome of the check.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Found {
    /// Number of acknowledged blocks.
    pub blocks: usize,
    /// Number of acknowledged proofs of blocks.
    pub proofs: usize,
    /// Number of acknowledged proofs of ranges.
    pub aggregated_proofs: usize,
    /// Number of these that are missing or differ.
    pub missing: usize,
    /// Paths of the first missing ones, with the status of the response.
    pub first_missing: Vec<String>,
}

impl Ledger {
    fn with<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that the next block is stored.
    pub fn imported(&self, block: Block, json: &[u8]) {
        self.with(|entries| {
            entries.known.imported(block.block_number.0, json, 0);
            entries.open.insert(block.block_number.0, block);
        });
    }

    /// Records that a proof is stored.
    pub fn published(&self, range: Range, json: &[u8]) {
        self.with(|entries| {
            entries.known.published(range, json, 0);
            entries.proven += usize::from(!range.2);
        });
    }

    /// Returns the number of blocks without a proof.
    pub fn unproven(&self) -> usize {
        self.with(|entries| entries.known.blocks.len().saturating_sub(entries.proven))
    }

    /// Takes the blocks of the next range to execute, if it has an aggregated proof.
    pub fn next_to_execute(&self) -> Option<Vec<Block>> {
        self.with(|entries| {
            let first = entries.executed + 1;
            entries.executed = entries.known.aggregated_from(first)?;
            Some((first..=entries.executed).filter_map(|number| entries.open.remove(&number)).collect())
        })
    }

    /// Reads everything that the server acknowledged, over several connections.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub async fn check(&self, client: &Client) -> anyhow::Result<Found> {
        let (mut found, all) = self.with(|Entries { known, .. }| {
            let blocks = (1..).zip(&known.blocks).map(|(number, block)| (paths::block(number), block.hash));
            let proofs = known.proofs.iter().filter_map(|(&(first, last, aggregated), proofs)| {
                let path =
                    if aggregated { paths::aggregated_proof(first, last) } else { paths::proof(first) };
                Some((path, proofs.acknowledged?.hash))
            });
            let all: Vec<(String, blake3::Hash)> = blocks.chain(proofs).collect();
            let aggregated_proofs = known.proofs.keys().filter(|range| range.2).count();
            let proofs = known.proofs.len() - aggregated_proofs;
            (Found { blocks: known.blocks.len(), proofs, aggregated_proofs, ..Found::default() }, all)
        });
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

/// Returns the paths in `share` whose content is missing or differs, with the status of the
/// response.
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
    use zksync_witness_server::testing::Chain;

    #[test]
    fn ranges_are_executed_in_order_and_once() {
        let ledger = Ledger::default();
        let mut chain = Chain::with_accounts(4, 1);
        for _ in 0..5 {
            ledger.imported(chain.next_block_of(2, 0).block, b"{}");
        }
        ledger.published((1, 1, false), b"p");
        assert_eq!(ledger.unproven(), 4);
        ledger.published((3, 4, true), b"a");
        assert!(ledger.next_to_execute().is_none(), "blocks 1 and 2 come first");
        ledger.published((1, 2, true), b"a");
        let numbers =
            |blocks: Vec<Block>| blocks.iter().map(|block| block.block_number.0).collect::<Vec<_>>();
        assert_eq!(ledger.next_to_execute().map(numbers), Some(vec![1, 2]));
        assert_eq!(ledger.next_to_execute().map(numbers), Some(vec![3, 4]));
        assert!(ledger.next_to_execute().is_none());
    }
}
