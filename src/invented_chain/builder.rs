//! An invented chain: a genesis of any number of accounts, then valid blocks of any size with
//! signed transfers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use super::memory::Memory;
use crate::crypto::Fr;
use crate::crypto::signature::{PrivateKey, pub_key_hash};
use crate::domain::op::Layout;
use crate::domain::{
    Account, AccountId, AccountMap, AccountUpdate, AccountUpdates, Address, Block, BlockNumber,
    ExecutedOperations, ExecutedTx, H256, ImportedBlock, Nonce, PackedPublicKey, PackedSignature, PubKeyHash,
    SignedZkSyncTx, TimeRange, TokenId, Transfer, TransferOp, TxSignature, U256, ZkSyncOp, ZkSyncTx,
};
use crate::tree::build::InitialAccount;
use crate::tree::{AccountHeader, AccountTree, LeafUpdate, TreeView};

/// The account that receives the fees; it neither sends nor receives anything else.
const FEE_ACCOUNT: u32 = 0;
/// Token of every balance, amount and fee.
const TOKEN: u32 = 0;
/// Initial balance of each account: 10^18, enough for a billion transfers.
const BALANCE: u128 = 1_000_000_000_000_000_000;
/// Time of the genesis, in Unix seconds. Blocks follow at intervals of one minute.
const GENESIS_TIME: u64 = 1_600_000_000;

/// Builds a chain block by block. The same arguments and calls give the same chain.
///
/// The builder keeps balances by plain arithmetic, not by the plan of a witness, so that each can
/// be tested against the other.
pub struct ChainBuilder {
    genesis: Vec<InitialAccount>,
    accounts: Vec<(AccountHeader, u128)>,
    signers: Arc<Vec<(PrivateKey, PackedPublicKey)>>,
    memory: Arc<Memory>,
    root: Fr,
    blocks: u32,
    transfers: u64,
}

impl ChainBuilder {
    /// Creates a chain of `accounts` accounts with ids `0..accounts`: 0 receives the fees, the next
    /// `signers` have keys and send, all others are locked and only receive. Each key takes a few
    /// milliseconds.
    ///
    /// # Panics
    /// If there is no signer, or no account besides the signers and the fee account.
    pub fn new(accounts: u32, signers: u32) -> Self {
        assert!(signers >= 1 && accounts > signers + 1, "{signers} signers among {accounts} accounts");
        let signers: Vec<(PrivateKey, PackedPublicKey)> = (1..=signers)
            .into_par_iter()
            .map(|id| {
                let key = PrivateKey::from_seed(&id.to_be_bytes());
                let public = PackedPublicKey(key.public_key());
                (key, public)
            })
            .collect();
        let genesis: Vec<InitialAccount> = (0..accounts)
            .map(|id| {
                let key = (id as usize).checked_sub(1).and_then(|signer| signers.get(signer));
                let pub_key_hash = key.map_or([0; 20], |(_, public)| pub_key_hash(&public.0).unwrap());
                let header = AccountHeader { nonce: 0, pub_key_hash, address: address(id).0 };
                let balances = if id == FEE_ACCOUNT { vec![] } else { vec![(TOKEN, BALANCE)] };
                InitialAccount { id, header, balances }
            })
            .collect();
        let memory = Arc::new(Memory::build(&genesis));
        let view = TreeView::new(memory.clone());
        let root = AccountTree::open(&view).unwrap().root();
        let plain = |account: &InitialAccount| (account.header, account.balances.first().map_or(0, |b| b.1));
        let accounts = genesis.iter().map(plain).collect();
        Self { genesis, accounts, signers: Arc::new(signers), memory, root, blocks: 0, transfers: 0 }
    }

    #[cfg(any(test, feature = "testing"))]
    /// Returns an independent builder with the same state, for a chain with branches.
    pub fn fork(&self) -> Self {
        Self {
            genesis: self.genesis.clone(),
            accounts: self.accounts.clone(),
            signers: self.signers.clone(),
            memory: Arc::new(self.memory.copy()),
            root: self.root,
            blocks: self.blocks,
            transfers: self.transfers,
        }
    }

    /// Returns the accounts of the genesis, as they are imported.
    pub fn genesis(&self) -> AccountMap {
        let account = |account: &InitialAccount| Account {
            pub_key_hash: PubKeyHash(account.header.pub_key_hash),
            address: Address(account.header.address),
            balances: account.balances.iter().map(|&(token, b)| (TokenId(token), b.into())).collect(),
            nonce: Nonce(account.header.nonce),
            ..Account::default()
        };
        self.genesis.iter().map(|initial| (AccountId(initial.id), account(initial))).collect()
    }

    #[cfg(any(test, feature = "testing"))]
    /// Returns the accounts of the genesis, as a tree is built from them.
    pub fn initial_accounts(&self) -> &[InitialAccount] {
        &self.genesis
    }

    #[cfg(any(test, feature = "testing"))]
    /// Returns the root after the last block.
    pub fn root(&self) -> Fr {
        self.root
    }

    /// Returns the next block, with as many transfers as fit into `chunks` chunks, two chunks each.
    pub fn next_block(&mut self, chunks: usize) -> ImportedBlock {
        self.next_block_of(chunks, chunks / TransferOp::CHUNKS)
    }

    /// Returns the next block, with the given number of transfers; the rest of its chunks is
    /// padding.
    pub fn next_block_of(&mut self, chunks: usize, transfers: usize) -> ImportedBlock {
        self.blocks += 1;
        let timestamp = GENESIS_TIME + 60 * u64::from(self.blocks);
        let mut updates = AccountUpdates::new();
        let mut transfers: Vec<Transfer> = (0..transfers).map(|_| self.transfer(&mut updates)).collect();
        let fees = transfers.iter().map(|transfer| u128::try_from(&transfer.fee).unwrap());
        for fee in fees.collect::<Vec<_>>() {
            updates.push(self.change(FEE_ACCOUNT, false, |balance| balance + fee));
        }
        transfers.par_iter_mut().for_each(|transfer| {
            let (key, public) = &self.signers[transfer.account_id.0 as usize - 1];
            let signature = key.sign(&transfer.signed_bytes().unwrap());
            transfer.signature = TxSignature { pub_key: *public, signature: PackedSignature(signature) };
        });
        let previous_root = self.root;
        self.root = self.root_after(&updates);
        let created_at = DateTime::from_timestamp(timestamp as i64, 0).unwrap();
        let block_transactions = transfers.into_iter().enumerate();
        let mut block = Block {
            block_number: BlockNumber(self.blocks),
            new_root_hash: self.root,
            fee_account: AccountId(FEE_ACCOUNT),
            block_transactions: block_transactions
                .map(|(i, tx)| executed(tx, i as u32, created_at))
                .collect(),
            processed_priority_ops: (0, 0),
            block_chunks_size: chunks,
            commit_gas_limit: U256::from(0u64),
            verify_gas_limit: U256::from(0u64),
            block_commitment: H256::default(),
            timestamp,
        };
        let limits = block.compute_gas_limits();
        (block.commit_gas_limit, block.verify_gas_limit) = (limits.commit, limits.verify);
        block.block_commitment = block.compute_commitment(&previous_root).unwrap();
        ImportedBlock { block, accounts_updated: updates }
    }

    /// Returns an unsigned transfer from the next signer to another account, and appends its
    /// updates.
    fn transfer(&mut self, updates: &mut AccountUpdates) -> Transfer {
        let turn = self.transfers;
        self.transfers += 1;
        let from = 1 + (turn % self.signers.len() as u64) as u32;
        // The recipient is any account except the fee account and the sender; the factor spreads
        // recipients over all of them.
        let others = self.accounts.len() as u64 - 2;
        let step = 1 + (turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % others;
        let to = 1 + ((u64::from(from) - 1 + step) % (others + 1)) as u32;
        let (amount, fee) = (u128::from(1_000 + turn), u128::from(10 + turn % 7));
        let transfer = Transfer {
            account_id: AccountId(from),
            from: address(from),
            to: address(to),
            token: TokenId(TOKEN),
            amount: amount.into(),
            fee: fee.into(),
            nonce: Nonce(self.accounts[from as usize].0.nonce),
            time_range: Some(TimeRange::default()),
            signature: TxSignature::default(),
        };
        updates.push(self.change(from, true, |balance| balance - amount - fee));
        updates.push(self.change(to, false, |balance| balance + amount));
        transfer
    }

    fn change(
        &mut self,
        id: u32,
        counts: bool,
        new: impl FnOnce(u128) -> u128,
    ) -> (AccountId, AccountUpdate) {
        let (header, balance) = &mut self.accounts[id as usize];
        let (old_nonce, old) = (Nonce(header.nonce), *balance);
        header.nonce += u32::from(counts);
        *balance = new(old);
        let balance_update = (TokenId(TOKEN), old.into(), (*balance).into());
        (
            AccountId(id),
            AccountUpdate::UpdateBalance { old_nonce, new_nonce: Nonce(header.nonce), balance_update },
        )
    }

    /// Applies the current values of the updated accounts to the tree; returns its root.
    fn root_after(&self, updates: &AccountUpdates) -> Fr {
        let leaf = |id: u32| {
            let (header, balance) = self.accounts[id as usize];
            LeafUpdate { version: 1, account: id, token: TOKEN, header, balance }
        };
        let leaves: Vec<LeafUpdate> = updates.iter().map(|(id, _)| leaf(id.0)).collect();
        let view = TreeView::new(self.memory.clone());
        let versions = AccountTree::open(&view).unwrap().apply(&leaves, &[]).unwrap();
        self.memory.apply(&versions.change_set(0, 1));
        versions.root(1)
    }
}

/// Returns the address of an account: its id behind a fixed prefix.
fn address(id: u32) -> Address {
    let mut address = [0xa5; 20];
    address[16..].copy_from_slice(&id.to_be_bytes());
    Address(address)
}

fn executed(tx: Transfer, index: u32, created_at: DateTime<Utc>) -> ExecutedOperations {
    let to = u32::from_be_bytes(tx.to.0[16..].try_into().unwrap());
    let op = TransferOp { tx: tx.clone(), from: tx.account_id, to: AccountId(to) };
    ExecutedOperations::Tx(Box::new(ExecutedTx {
        signed_tx: SignedZkSyncTx { tx: ZkSyncTx::Transfer(Box::new(tx)), eth_sign_data: None, created_at },
        success: true,
        op: Some(ZkSyncOp::Transfer(Box::new(op))),
        fail_reason: None,
        block_index: Some(index),
        created_at,
        batch_id: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreOptions};
    use crate::witness::{SignatureCheck, check_signatures};
    use crate::workers::{Imported, import};

    #[test]
    fn built_blocks_are_accepted_by_the_import() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let mut chain = ChainBuilder::new(12, 3);
        import::genesis(&store, &serde_json::to_vec(&chain.genesis()).unwrap(), &|_, _| {}).unwrap();
        for chunks in [26, 7] {
            let block = chain.next_block(chunks);
            let checks = check_signatures(&block.block);
            assert_eq!(checks, vec![SignatureCheck::V1; chunks / 2]);
            let outcome = import::block(&store, &serde_json::to_vec(&block).unwrap()).unwrap();
            assert!(matches!(outcome.1, Imported::Stored), "{:?}", outcome.1);
        }
    }

    #[test]
    fn a_fork_goes_its_own_way() {
        let mut chain = ChainBuilder::new(12, 3);
        chain.next_block(4);
        let (mut same, mut other) = (chain.fork(), chain.fork());
        let block = chain.next_block(4);
        assert_eq!(same.next_block(4), block);
        assert_ne!(other.next_block_of(4, 1), block);
        assert_eq!(same.next_block(4), chain.next_block(4));
    }
}
