//! Operations: the effects of executed transactions and priority operations, one file each
//! (docs/protocol/02-types-json.md §4, docs/protocol/03-operations.md).

mod change_pub_key;
mod close;
mod deposit;
mod forced_exit;
mod full_exit;
mod layout;
mod mint_nft;
mod noop;
mod operation;
mod swap;
mod transfer;
mod transfer_to_new;
mod withdraw;
mod withdraw_nft;

pub(crate) use change_pub_key::ChangePubKeyOp;
pub(crate) use close::CloseOp;
pub(crate) use deposit::DepositOp;
pub(crate) use forced_exit::ForcedExitOp;
pub(crate) use full_exit::FullExitOp;
pub(crate) use layout::Layout;
pub(crate) use mint_nft::MintNftOp;
pub(crate) use mint_nft::nft_content;
pub(crate) use noop::NoopOp;
pub(crate) use operation::ZkSyncOp;
pub(crate) use swap::SwapOp;
pub(crate) use transfer::TransferOp;
pub(crate) use transfer_to_new::TransferToNewOp;
pub(crate) use withdraw::WithdrawOp;
pub(crate) use withdraw_nft::WithdrawNftOp;

#[cfg(test)]
pub(super) mod tests;
