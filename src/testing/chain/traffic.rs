//! Blocks of transfers between many accounts.

use super::builder::numbered;
use super::chain::Chain;
use super::wallet::Wallet;
use crate::domain::op::Layout;
use crate::domain::{
    Account, ImportedBlock, NFT_STORAGE_ACCOUNT_ID, Nonce, SignedZkSyncTx, TimeRange, TokenId, Transfer,
    TransferOp, TxSignature, ZkSyncTx,
};
use crate::execution::{Outcome, VerifiedTx};
use rayon::prelude::*;

/// Token of every balance, amount and fee.
const TOKEN: TokenId = TokenId(0);
/// Initial balance of each account: 10^18, enough for a billion transfers.
const BALANCE: u128 = 1_000_000_000_000_000_000;

impl Chain {
    /// Creates a chain of `accounts` accounts with ids `0..accounts`: 0 receives the fees, the next
    /// `signers` have keys and send, all others are locked and only receive. Each key takes a few
    /// milliseconds.
    ///
    /// # Panics
    /// If there is no signer, or no account besides the signers and the fee account.
    pub fn with_accounts(accounts: u32, signers: u32) -> Self {
        assert!(signers >= 1 && accounts > signers + 1, "{signers} signers among {accounts} accounts");
        let mut builder = Self::builder();
        builder.accounts.remove(&NFT_STORAGE_ACCOUNT_ID);
        let wallets = (1..=signers).into_par_iter().map(|id| Wallet::from_seed(&id.to_be_bytes()));
        builder.signers = wallets.collect();
        let balances = [(TOKEN.0, BALANCE)];
        for wallet in builder.signers.clone() {
            builder = builder.account(&wallet, &balances);
        }
        for id in signers + 1..accounts {
            builder.add(Account { address: numbered(id), ..Account::default() }, &balances);
        }
        builder.build()
    }

    /// Returns the next block, with as many transfers as fit into `chunks` chunks, two chunks each.
    ///
    /// # Panics
    /// If the chain was not made by [`Self::with_accounts`].
    pub fn next_block(&mut self, chunks: usize) -> ImportedBlock {
        self.next_block_of(chunks, chunks / TransferOp::CHUNKS)
    }

    /// Returns the next block, with the given number of transfers; the rest of its chunks is
    /// padding.
    ///
    /// # Panics
    /// If the chain was not made by [`Self::with_accounts`].
    pub fn next_block_of(&mut self, chunks: usize, transfers: usize) -> ImportedBlock {
        let now = self.now();
        let mut nonces: Vec<u32> = Vec::with_capacity(self.signers.len());
        for wallet in &self.signers {
            let (_, account) = self.executor.state().account_by_address(&wallet.address()).unwrap();
            nonces.push(account.nonce.0);
        }
        let mut unsigned = Vec::with_capacity(transfers);
        for _ in 0..transfers {
            unsigned.push(self.transfer_of_turn(&mut nonces));
        }
        let signed = unsigned.into_par_iter().map(|(signer, mut transfer)| {
            let wallet = &self.signers[signer];
            transfer.signature = wallet.sign(&transfer.signed_bytes().unwrap());
            let tx = ZkSyncTx::Transfer(Box::new(transfer));
            let signed = SignedZkSyncTx { tx, eth_sign_data: None, created_at: now };
            VerifiedTx::signed_by(signed, wallet.pub_key_hash(), [None; 2])
        });
        for tx in signed.collect::<Vec<_>>() {
            assert_eq!(self.executor.execute_tx(&tx, now), Outcome::Succeeded);
        }
        self.seal_with_size(chunks)
    }

    /// Leaves out the next `count` transfers: their amounts and recipients are not used. A copy of
    /// the chain that does this has other blocks from here on.
    pub fn skip_transfers(&mut self, count: u64) {
        self.transfers += count;
    }

    /// Returns the index of the next signer and its transfer to another account.
    fn transfer_of_turn(&mut self, nonces: &mut [u32]) -> (usize, Transfer) {
        let turn = self.transfers;
        self.transfers += 1;
        let signer = (turn % self.signers.len() as u64) as usize;
        let from = 1 + signer as u64;
        // The recipient is any account except the fee account and the sender; the factor spreads
        // recipients over all of them.
        let others = self.executor.state().accounts().len() as u64 - 2;
        let step = 1 + (turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % others;
        let to = 1 + (from - 1 + step) % (others + 1);
        let address = |id: u64| self.executor.state().account((id as u32).into()).unwrap().address;
        let nonce = nonces[signer];
        nonces[signer] += 1;
        let transfer = Transfer {
            account_id: (from as u32).into(),
            from: address(from),
            to: address(to),
            token: TOKEN,
            amount: (1_000 + turn).into(),
            fee: (10 + turn % 7).into(),
            nonce: Nonce(nonce),
            time_range: Some(TimeRange::default()),
            signature: TxSignature::default(),
        };
        (signer, transfer)
    }
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
        let mut chain = Chain::with_accounts(12, 3);
        import::genesis(&store, &serde_json::to_vec(&chain.genesis()).unwrap(), &|_, _| {}).unwrap();
        for chunks in [26, 7] {
            let block = chain.next_block(chunks);
            let checks = check_signatures(&block.block);
            assert_eq!(checks, vec![SignatureCheck::V1; chunks / 2]);
            assert_eq!(block.block.block_chunks_size, chunks);
            let outcome = import::block(&store, &serde_json::to_vec(&block).unwrap()).unwrap();
            assert!(matches!(outcome.1, Imported::Stored), "{:?}", outcome.1);
        }
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut chain = Chain::with_accounts(12, 3);
        chain.next_block(4);
        let mut same = chain.clone();
        let mut other = chain.clone();
        let block = chain.next_block(4);
        assert_eq!(same.next_block(4), block);
        assert_ne!(other.next_block_of(4, 1), block);
        assert_eq!(same.next_block(4), chain.next_block(4));
    }
}
