//! The rules that every step of a chain keeps.

use std::collections::BTreeMap;

use num_bigint::BigInt;

use crate::crypto::Fr;
use crate::domain::{
    AccountId, AccountMap, Block, ImportedBlock, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, TokenId, ZkSyncOp,
    ZkSyncTx, to_u128,
};
use crate::execution::{Executor, Outcome};
use crate::store::{AccountState, StoreError};
use crate::tree::{AccountTree, TreeView};
use crate::witness::{assemble, check_signatures, hash, plan};
use crate::workers::{AccountsBefore, TreeState, UpdatedAccounts};

/// Returns the account whose nonce a transaction uses.
pub(super) fn sender(tx: &ZkSyncTx) -> AccountId {
    match tx {
        ZkSyncTx::Transfer(tx) => tx.account_id,
        ZkSyncTx::Withdraw(tx) => tx.account_id,
        ZkSyncTx::Close(_) => AccountId(u32::MAX),
        ZkSyncTx::ChangePubKey(tx) => tx.account_id,
        ZkSyncTx::ForcedExit(tx) => tx.initiator_account_id,
        ZkSyncTx::MintNFT(tx) => tx.creator_id,
        ZkSyncTx::Swap(tx) => tx.submitter_id,
        ZkSyncTx::WithdrawNFT(tx) => tx.account_id,
    }
}

/// The sum of all balances and unpaid fees of each token. The storage account's balances of NFTs
/// are contents, and those of the special token are counters.
fn supply(executor: &Executor) -> BTreeMap<TokenId, BigInt> {
    let mut supply: BTreeMap<TokenId, BigInt> = BTreeMap::new();
    for (id, account) in executor.state().accounts() {
        for (token, balance) in &account.balances {
            assert!(to_u128(balance).is_ok());
            let is_content = *id == NFT_STORAGE_ACCOUNT_ID && token.is_nft();
            if *token != NFT_TOKEN_ID && !is_content {
                *supply.entry(*token).or_default() += BigInt::from(balance.clone());
            }
        }
    }
    for op in executor.pending().operations().iter().filter_map(|executed| executed.op()) {
        if let Some((token, fee)) = op.fee() {
            *supply.entry(token).or_default() += BigInt::from(fee.clone());
        }
    }
    supply.retain(|_, sum| *sum != BigInt::ZERO);
    supply
}

/// Adds what an operation brings in and takes out.
fn add_moved(op: &ZkSyncOp, minted: &mut u32, supply: &mut BTreeMap<TokenId, BigInt>) {
    let mut add = |token: TokenId, amount: BigInt| *supply.entry(token).or_default() += amount;
    match op {
        ZkSyncOp::Deposit(op) => add(op.priority_op.token, op.priority_op.amount.clone().into()),
        ZkSyncOp::Withdraw(op) => add(op.tx.token, -BigInt::from(op.tx.amount.clone())),
        ZkSyncOp::ForcedExit(op) => {
            add(op.tx.token, -BigInt::from(op.withdraw_amount.clone().unwrap()));
        }
        ZkSyncOp::FullExit(op) => {
            add(op.priority_op.token, -BigInt::from(op.withdraw_amount.clone().unwrap_or_default()));
        }
        ZkSyncOp::WithdrawNFT(op) => add(op.tx.token, BigInt::from(-1)),
        ZkSyncOp::MintNFTOp(_) => {
            add(TokenId(*minted), BigInt::from(1));
            *minted += 1;
        }
        _ => {}
    }
}

/// Returns the accounts whose nonces an operation raises by one.
fn used_nonces(op: &ZkSyncOp) -> Vec<AccountId> {
    match op {
        ZkSyncOp::Transfer(op) => vec![op.from],
        ZkSyncOp::TransferToNew(op) => vec![op.from],
        ZkSyncOp::Withdraw(op) => vec![op.account_id],
        ZkSyncOp::WithdrawNFT(op) => vec![op.tx.account_id],
        ZkSyncOp::ChangePubKeyOffchain(op) => vec![op.account_id],
        ZkSyncOp::ForcedExit(op) => vec![op.tx.initiator_account_id],
        ZkSyncOp::MintNFTOp(op) => vec![op.creator_account_id],
        ZkSyncOp::Swap(op) => {
            let orders = [(op.accounts.0, &op.tx.orders.0), (op.accounts.1, &op.tx.orders.1)];
            let by_order =
                orders.iter().filter(|(id, order)| order.amount != 0u8.into() && *id != op.submitter);
            by_order.map(|(id, _)| *id).chain([op.submitter]).collect()
        }
        ZkSyncOp::Deposit(_) | ZkSyncOp::FullExit(_) | ZkSyncOp::Close(_) | ZkSyncOp::Noop(_) => vec![],
    }
}

/// The state before an execution.
pub(super) struct Before {
    accounts: AccountMap,
    supply: BTreeMap<TokenId, BigInt>,
    operations: usize,
    updates: usize,
}

impl Before {
    pub(super) fn new(executor: &Executor) -> Self {
        Self {
            accounts: executor.state().accounts().clone(),
            supply: supply(executor),
            operations: executor.pending().operations().len(),
            updates: executor.pending().updates().len(),
        }
    }

    /// Checks that a failure changed nothing, and that a success moved what its operations say.
    pub(super) fn check(mut self, executor: &Executor, outcome: &Outcome) {
        let accounts = executor.state().accounts();
        if *outcome != Outcome::Succeeded {
            assert_eq!(*accounts, self.accounts, "{outcome:?}");
            assert_eq!(executor.pending().updates().len(), self.updates, "{outcome:?}");
            assert_eq!(executor.pending().operations().len(), self.operations, "{outcome:?}");
            assert_eq!(supply(executor), self.supply, "{outcome:?}");
            return;
        }
        let counter = self.accounts[&NFT_STORAGE_ACCOUNT_ID].balance(NFT_TOKEN_ID);
        let mut minted = u32::try_from(counter).unwrap();
        let mut nonces: BTreeMap<AccountId, u32> = BTreeMap::new();
        for executed in &executor.pending().operations()[self.operations..] {
            let op = executed.op().unwrap();
            add_moved(op, &mut minted, &mut self.supply);
            for id in used_nonces(op) {
                *nonces.entry(id).or_default() += 1;
            }
        }
        self.supply.retain(|_, sum| *sum != BigInt::ZERO);
        assert_eq!(supply(executor), self.supply);
        for (id, account) in accounts {
            let before = self.accounts.get(id).map_or(0, |account| account.nonce.0);
            let used = nonces.get(id).copied().unwrap_or(0);
            assert_eq!(account.nonce.0, before + used, "nonce of account {id}");
        }
        for (token, nft) in accounts.values().flat_map(|account| &account.minted_nfts) {
            assert_eq!(executor.state().nft(*token), Some(nft));
        }
    }
}

/// The chain before a block is sealed.
pub(super) struct Sealing {
    /// The tree after the previous block.
    tree: TreeView,
    root: Fr,
    supply: BTreeMap<TokenId, BigInt>,
}

impl Sealing {
    pub(super) fn new(executor: &Executor) -> Self {
        let state = executor.state();
        Self { tree: state.tree(), root: state.root(), supply: supply(executor) }
    }

    /// Checks that import and witness accept the block, and that the fees were paid.
    pub(super) fn check(self, executor: &Executor, imported: &ImportedBlock) {
        let block: &Block = &imported.block;
        assert_eq!(supply(executor), self.supply);
        assert_eq!(executor.state().root(), block.new_root_hash);
        let tree = AccountTree::open(&self.tree).unwrap();
        let state = TreeState(&tree);
        let plan = plan(block, &check_signatures(block), &state).unwrap();
        let before = AccountsOf(&tree);
        let mut updated = UpdatedAccounts::apply(&before, &imported.accounts_updated).unwrap();
        updated.compare(&plan).unwrap();
        assemble::check_commitment(block, &self.root).unwrap();
        hash(block, plan, &tree).unwrap();
    }
}

/// The accounts of a tree, as the import reads them.
struct AccountsOf<'a>(&'a AccountTree<'a>);

impl AccountsBefore for AccountsOf<'_> {
    fn account(&self, account: u32) -> Result<Option<AccountState>, StoreError> {
        Ok(self.0.account(account).unwrap().map(|leaf| leaf.header.into()))
    }

    fn balance(&self, account: u32, token: u32) -> Result<u128, StoreError> {
        Ok(self.0.balance(account, token).unwrap())
    }
}
