//! A block with many kinds of operation on a tree of any size: the first block of the sample chain,
//! on a tree that holds further accounts.

use std::collections::BTreeMap;

use anyhow::Context;

use zksync_witness_server::testing::internals::domain::{AccountMap, Block, ImportedBlock, to_u128};
use zksync_witness_server::testing::internals::tree::build::InitialAccount;
use zksync_witness_server::testing::internals::tree::{AccountHeader, AccountTree};
use zksync_witness_server::testing::internals::witness::{Cause, WitnessError, check_signatures, plan};
use zksync_witness_server::testing::internals::workers::TreeState;

/// The sample chain's genesis and first block.
const GENESIS: &[u8] = include_bytes!("../../data/sample-chain/genesis.json");
const FIRST_BLOCK: &[u8] = include_bytes!("../../data/sample-chain/blocks/000001.json");
/// First account id that the sample chain does not use.
const OTHERS: u32 = 1_000;
/// Balance of each further account.
const BALANCE: u128 = 1_000_000_000_000_000_000;

/// Returns the genesis accounts of the sample chain and `others` further accounts with one balance
/// each.
///
/// # Errors
/// Fails if the sample chain cannot be parsed.
pub fn accounts(others: u32) -> anyhow::Result<Vec<InitialAccount>> {
    let map: AccountMap = serde_json::from_slice(GENESIS)?;
    let mut accounts = BTreeMap::new();
    for (id, account) in &map {
        let balances = account.balances.iter().map(|(token, balance)| Ok((token.0, to_u128(balance)?)));
        let balances = balances.collect::<anyhow::Result<Vec<_>>>()?;
        let header = AccountHeader {
            nonce: account.nonce.0,
            pub_key_hash: account.pub_key_hash.0,
            address: account.address.0,
        };
        accounts.insert(id.0, InitialAccount { id: id.0, header, balances });
    }
    for id in OTHERS..OTHERS + others {
        let mut address = [0x5a; 20];
        address[16..].copy_from_slice(&id.to_be_bytes());
        let header = AccountHeader { nonce: 0, pub_key_hash: [0; 20], address };
        accounts.insert(id, InitialAccount { id, header, balances: vec![(0, BALANCE)] });
    }
    Ok(accounts.into_values().collect())
}

/// Returns the block with `chunks` chunks, sealed on `tree`, which holds [`accounts`].
///
/// # Errors
/// Fails if the block does not fit the tree.
pub fn block(tree: &AccountTree<'_>, chunks: usize) -> anyhow::Result<Block> {
    let imported: ImportedBlock = serde_json::from_slice(FIRST_BLOCK)?;
    let mut block = imported.block;
    block.block_chunks_size = chunks;
    seal(&mut block, tree)?;
    Ok(block)
}

/// Sets root and commitment of a block to those that it has on `tree`.
fn seal(block: &mut Block, tree: &AccountTree<'_>) -> anyhow::Result<()> {
    let plan = plan(block, &check_signatures(block), &TreeState(tree))?;
    let failed = |cause: Cause| WitnessError { block: plan.number, operation: None, cause };
    let versions = tree.apply(&plan.updates, &[]).map_err(|error| failed(error.into()))?;
    block.new_root_hash = versions.root(plan.last);
    block.block_commitment =
        block.compute_commitment(&tree.root()).context("the mixed block has no commitment")?;
    Ok(())
}
