//! Changes of the ledger: requests arrive, are executed, sealed and final.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::hashes;
use super::parties;
use super::records::{AccountType, BatchRecord, BlockRecord, TxBody, TxRecord};
use super::state::{Ledger, is_nft};
use super::waiting::{Request, WaitingRequest};
use crate::crypto::fr;
use crate::domain::tx::ChangePubKeyEthAuthData;
use crate::domain::{
    AccountId, AccountUpdate, Address, ExecutedOperations, H256, ImportedBlock, NFT_STORAGE_ACCOUNT_ID,
    Nonce, PubKeyHash, ZkSyncOp, ZkSyncTx,
};

impl Ledger {
    /// Adds a request that waits for its execution.
    pub(in crate::devnet) fn accept(&mut self, request: WaitingRequest) {
        let batch_id = match &request.request {
            Request::Batch { id, .. } => Some(*id),
            _ => None,
        };
        let mut bodies: Vec<(TxBody, DateTime<Utc>)> = Vec::new();
        match &request.request {
            Request::Priority(op, at) => bodies.push((TxBody::Priority(op.clone()), *at)),
            other => bodies.extend(other.txs().iter().map(|tx| {
                let signed = tx.signed();
                (TxBody::L2(Box::new(signed.clone())), signed.created_at)
            })),
        }
        if let (Request::Batch { id, hash, .. }, Some((_, created_at))) = (&request.request, bodies.first()) {
            self.add_batch(*id, *hash, request.hashes.clone(), *created_at);
        }
        for (hash, (body, created_at)) in request.hashes.iter().zip(bodies) {
            if let TxBody::Priority(op) = &body {
                self.by_eth_hash.insert(op.eth_hash, *hash);
                self.by_serial_id.insert(op.serial_id, *hash);
            }
            // A transaction that failed may be submitted again; its failure is shown until then.
            self.txs.entry(*hash).or_insert_with(|| TxRecord {
                hash: *hash,
                body,
                op: None,
                block: None,
                block_index: None,
                fail_reason: None,
                created_at,
                batch_id,
            });
        }
        self.waiting.insert(request);
    }

    /// Records what the pending block executed of a request: its outcomes, and its account updates.
    pub(in crate::devnet) fn execute(
        &mut self,
        number: u64,
        executed: &[ExecutedOperations],
        updates: &[(AccountId, AccountUpdate)],
    ) {
        let block = self.last_sealed() + 1;
        self.waiting.remove(number);
        self.record_all(executed, updates, block);
        self.pending_updates += updates.len();
    }

    /// Adds a sealed block; what the ledger has not seen of it as pending is recorded now.
    pub(in crate::devnet) fn seal(&mut self, imported: &ImportedBlock, committed_at: DateTime<Utc>) {
        let block = &imported.block;
        let number = block.block_number.0;
        let seen = std::mem::take(&mut self.pending_updates).min(imported.accounts_updated.len());
        if self.pending.is_empty() {
            self.record_all(&block.block_transactions, &imported.accounts_updated, number);
        } else {
            self.apply(&imported.accounts_updated[seen..], number);
        }
        self.pending.clear();
        self.unverified.push_back(imported.accounts_updated.clone());
        self.blocks.push(BlockRecord {
            number,
            root: fr::to_bytes(&block.new_root_hash),
            commitment: block.block_commitment,
            chunks: block.block_chunks_size,
            transactions: block.block_transactions.iter().map(hashes::of_executed).collect(),
            committed_at,
            finalized_at: None,
            commit_tx_hash: invented_hash(b"commit", number, &block.block_commitment),
            verify_tx_hash: None,
        });
    }

    /// Makes the sealed blocks up to `last` final.
    pub(in crate::devnet) fn finalize(&mut self, last: u32, at: DateTime<Utc>) {
        while self.last_final() < last.min(self.last_sealed()) {
            let number = self.last_final() + 1;
            for (id, update) in self.unverified.pop_front().unwrap_or_default() {
                self.verified.apply(id, &update, number);
            }
            if let Some(block) = self.blocks.get_mut(number as usize - 1) {
                block.finalized_at = Some(at);
                block.verify_tx_hash = Some(invented_hash(b"verify", number, &block.commitment));
            }
            self.last_final = number;
        }
    }

    /// Sets the type of an account.
    pub(in crate::devnet) fn set_account_type(&mut self, id: AccountId, account_type: AccountType) {
        self.account_types.insert(id, account_type);
    }

    /// Authorises a key on layer 1 for an account and a nonce.
    pub(in crate::devnet) fn authorise_key(&mut self, account: Address, nonce: Nonce, key: PubKeyHash) {
        self.authorised_keys.insert((account, nonce), key);
    }

    /// Records outcomes and applies account updates that belong to them.
    fn record_all(
        &mut self,
        executed: &[ExecutedOperations],
        updates: &[(AccountId, AccountUpdate)],
        block: u32,
    ) {
        self.apply(updates, block);
        let mut minted = updates.iter().filter_map(|(_, update)| match update {
            AccountUpdate::MintNFT { token, .. } => Some(token.id),
            _ => None,
        });
        for executed in executed {
            let hash = self.record(executed, block);
            if let Some(ZkSyncOp::MintNFTOp(_)) = executed.op()
                && let Some(token) = minted.next()
            {
                self.nft_of_tx.insert(hash, token);
            }
        }
        self.complete_batches(executed);
    }

    fn apply(&mut self, updates: &[(AccountId, AccountUpdate)], block: u32) {
        for (id, update) in updates {
            self.committed.apply(*id, update, block);
            match update {
                AccountUpdate::MintNFT { token, .. } => drop(self.nfts.insert(token.id, token.clone())),
                AccountUpdate::UpdateBalance { balance_update: (token, _, new), .. }
                    if is_nft(*token) && *id != NFT_STORAGE_ACCOUNT_ID =>
                {
                    if num_traits::One::is_one(new) {
                        self.nft_owners.insert(*token, *id);
                    } else if self.nft_owners.get(token) == Some(id) {
                        self.nft_owners.remove(token);
                    }
                }
                _ => {}
            }
        }
    }

    /// Records an outcome; returns the hash of the request.
    fn record(&mut self, executed: &ExecutedOperations, block: u32) -> H256 {
        let hash = hashes::of_executed(executed);
        self.pending.push(hash);
        let record = match executed {
            ExecutedOperations::Tx(tx) => TxRecord {
                hash,
                body: TxBody::L2(Box::new(tx.signed_tx.clone())),
                op: tx.op.clone(),
                block: Some(block),
                block_index: tx.block_index,
                fail_reason: tx.fail_reason.clone(),
                created_at: tx.signed_tx.created_at,
                batch_id: tx.batch_id,
            },
            ExecutedOperations::PriorityOp(op) => TxRecord {
                hash,
                body: TxBody::Priority(Box::new(op.priority_op.clone())),
                op: Some(op.op.clone()),
                block: Some(block),
                block_index: Some(op.block_index),
                fail_reason: None,
                created_at: op.created_at,
                batch_id: None,
            },
        };
        let has_failed_before = self.txs.get(&hash).is_some_and(|known| known.block.is_some());
        if record.op.is_some() {
            self.successes += 1;
        } else if has_failed_before {
            return hash;
        }
        let parties = match &record.body {
            TxBody::L2(tx) => {
                parties::of_tx(&tx.tx, |id| self.committed.by_id(id).map(|account| account.address))
            }
            TxBody::Priority(op) => {
                self.by_eth_hash.insert(op.eth_hash, hash);
                self.by_serial_id.insert(op.serial_id, hash);
                parties::of_priority_op(op)
            }
        };
        for address in parties {
            let of_address = self.by_address.entry(address).or_default();
            // Its success replaces an earlier failure.
            if has_failed_before {
                of_address.retain(|other| *other != hash);
            }
            if of_address.last() != Some(&hash) {
                of_address.push(hash);
            }
        }
        if let (Some(_), Some(tx)) = (&record.op, record.l2()) {
            self.note_account_type(&tx.tx);
        }
        self.txs.insert(hash, record);
        hash
    }

    fn note_account_type(&mut self, tx: &ZkSyncTx) {
        let ZkSyncTx::ChangePubKey(tx) = tx else { return };
        if let Some(ChangePubKeyEthAuthData::Create2 { .. }) = tx.eth_auth_data {
            self.account_types.insert(tx.account_id, AccountType::Create2);
        } else if !matches!(self.account_types.get(&tx.account_id), Some(AccountType::No2Fa(_))) {
            self.account_types.insert(tx.account_id, AccountType::Owned);
        }
    }

    /// Adds the batches among outcomes that the ledger has not seen waiting.
    fn complete_batches(&mut self, executed: &[ExecutedOperations]) {
        let mut members: Vec<(i64, Vec<H256>, DateTime<Utc>)> = Vec::new();
        for executed in executed {
            let ExecutedOperations::Tx(tx) = executed else { continue };
            let Some(id) = tx.batch_id else { continue };
            let hash = hashes::of_executed(executed);
            match members.last_mut() {
                Some((last, hashes, _)) if *last == id => hashes.push(hash),
                _ => members.push((id, vec![hash], tx.signed_tx.created_at)),
            }
        }
        for (id, transactions, created_at) in members {
            if self.batch_by_id(id).is_none() {
                self.add_batch(id, hashes::of_batch(&transactions), transactions, created_at);
            }
        }
    }

    fn add_batch(&mut self, id: i64, hash: H256, transactions: Vec<H256>, created_at: DateTime<Utc>) {
        self.batch_ids.insert(id, hash);
        self.batches.insert(hash, BatchRecord { hash, transactions, created_at });
    }
}

/// Returns the hash of an Ethereum transaction that a real network would have sent for a block.
fn invented_hash(action: &[u8], number: u32, commitment: &H256) -> H256 {
    let hash = Sha256::new().chain_update(action).chain_update(number.to_be_bytes());
    H256(hash.chain_update(commitment.0).finalize().into())
}
