//! A chain of small blocks that are sealed on demand and can branch off, with the state after each.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use zksync_witness_server::testing;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::crypto::{Fr, fr};
use zksync_witness_server::testing::internals::domain::{AccountUpdate, Block, public_input, to_u128};
use zksync_witness_server::testing::internals::tree::build::InitialAccount;

const ACCOUNTS: u32 = 12;
const SIGNERS: u32 = 4;
/// Most blocks that a branch can go back.
pub const BRANCH_DEPTH: u32 = 24;
/// More transfers than a branch has.
const MAX_BRANCH_TRANSFERS: u64 = 1_000_000;

/// A block of the chain and the state after it.
pub struct SealedBlock {
    pub block: Block,
    /// The JSON that is imported and stored.
    pub json: Vec<u8>,
    /// Root of the account tree, big-endian.
    pub root: [u8; 32],
    /// The public input of its proof.
    pub input: Fr,
    /// All accounts, by id.
    pub accounts: Vec<InitialAccount>,
}

pub struct Chain {
    pub genesis_json: Vec<u8>,
    genesis_root: [u8; 32],
    genesis: Vec<InitialAccount>,
    blocks: Vec<Arc<SealedBlock>>,
    /// Builders after each of the last blocks, the newest one last.
    builders: VecDeque<testing::Chain>,
    /// The roots after all blocks of all branches.
    roots: HashSet<[u8; 32]>,
    dice: Dice,
}

impl Chain {
    pub fn new(mut dice: Dice) -> Self {
        let builder = testing::Chain::with_accounts(ACCOUNTS, SIGNERS);
        Self {
            genesis_json: serde_json::to_vec(&builder.genesis()).unwrap(),
            genesis_root: fr::to_bytes(&builder.root()),
            genesis: builder.initial_accounts(),
            blocks: Vec::new(),
            builders: VecDeque::from([builder]),
            roots: HashSet::new(),
            dice: dice.fork(),
        }
    }

    /// Seals blocks up to the given one.
    pub fn extend_to(&mut self, last: u32) {
        while self.blocks.len() < last as usize {
            let mut builder = self.builders.back().unwrap().clone();
            let transfers = self.dice.between(1, 2) as usize;
            let chunks = 2 * transfers + self.dice.below(3);
            let imported = builder.next_block_of(chunks, transfers);
            let mut accounts = self.accounts(self.blocks.len() as u32).to_vec();
            for (id, update) in &imported.accounts_updated {
                let AccountUpdate::UpdateBalance { new_nonce, balance_update: (token, _, balance), .. } =
                    update
                else {
                    panic!("the chain holds transfers only: {update:?}")
                };
                let account = &mut accounts[id.0 as usize];
                account.header.nonce = new_nonce.0;
                account.balances = vec![(token.0, to_u128(balance).unwrap())];
            }
            let root = fr::to_bytes(&imported.block.new_root_hash);
            assert!(self.roots.insert(root), "two branches have the same root");
            self.blocks.push(Arc::new(SealedBlock {
                json: serde_json::to_vec(&imported).unwrap(),
                root,
                input: public_input(&imported.block.block_commitment),
                block: imported.block,
                accounts,
            }));
            self.builders.push_back(builder);
            if self.builders.len() > 4 * BRANCH_DEPTH as usize {
                self.builders.pop_front();
            }
        }
    }

    /// Removes the blocks after the given one; their replacements have other transfers.
    pub fn branch_off(&mut self, last: u32) {
        let forgotten = self.blocks.len().saturating_sub(last as usize);
        self.blocks.truncate(last as usize);
        assert!(forgotten < self.builders.len(), "block {last} is too far back");
        self.builders.truncate(self.builders.len() - forgotten);
        self.builders.back_mut().unwrap().skip_transfers(MAX_BRANCH_TRANSFERS);
    }

    /// Returns a sealed block.
    pub fn block(&self, number: u32) -> &Arc<SealedBlock> {
        &self.blocks[number as usize - 1]
    }

    /// Returns the root after a sealed block, or of the genesis for 0.
    pub fn root(&self, number: u32) -> [u8; 32] {
        if number == 0 { self.genesis_root } else { self.block(number).root }
    }

    /// Returns the accounts after a sealed block, or those of the genesis for 0.
    pub fn accounts(&self, number: u32) -> &[InitialAccount] {
        if number == 0 { &self.genesis } else { &self.block(number).accounts }
    }
}
