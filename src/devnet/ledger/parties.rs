//! The addresses that take part in a request, by which the transactions of an account are found
//! (docs/protocol/08-devnet-api.md §7.3).

use crate::domain::tx::Order;
use crate::domain::{AccountId, Address, PriorityOp, ZkSyncPriorityOp, ZkSyncTx};

/// Returns the addresses that take part in a transaction; each may appear twice. `address_of`
/// returns the address of an account.
pub(super) fn of_tx(tx: &ZkSyncTx, address_of: impl Fn(AccountId) -> Option<Address>) -> Vec<Address> {
    match tx {
        ZkSyncTx::Transfer(tx) => vec![tx.from, tx.to],
        ZkSyncTx::Withdraw(tx) => vec![tx.from, tx.to],
        ZkSyncTx::WithdrawNFT(tx) => vec![tx.from, tx.to],
        ZkSyncTx::Close(tx) => vec![tx.account],
        ZkSyncTx::ChangePubKey(tx) => vec![tx.account],
        ZkSyncTx::ForcedExit(tx) => vec![tx.target],
        ZkSyncTx::MintNFT(tx) => vec![tx.creator_address, tx.recipient],
        ZkSyncTx::Swap(tx) => {
            let of_order = |order: &Order| [address_of(order.account_id), Some(order.recipient)];
            let orders = [of_order(&tx.orders.0), of_order(&tx.orders.1)];
            std::iter::once(tx.submitter_address).chain(orders.into_iter().flatten().flatten()).collect()
        }
    }
}

/// Returns the addresses that take part in a priority operation.
pub(super) fn of_priority_op(op: &PriorityOp) -> Vec<Address> {
    match &op.data {
        ZkSyncPriorityOp::Deposit(deposit) => vec![deposit.from, deposit.to],
        ZkSyncPriorityOp::FullExit(exit) => vec![exit.eth_address],
    }
}
