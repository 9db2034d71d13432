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

pub use change_pub_key::ChangePubKeyOp;
pub use close::CloseOp;
pub use deposit::DepositOp;
pub use forced_exit::ForcedExitOp;
pub use full_exit::FullExitOp;
pub(crate) use layout::Layout;
pub use mint_nft::MintNftOp;
pub(crate) use mint_nft::nft_content;
pub use noop::NoopOp;
pub use operation::ZkSyncOp;
pub use swap::SwapOp;
pub use transfer::TransferOp;
pub use transfer_to_new::TransferToNewOp;
pub use withdraw::WithdrawOp;
pub use withdraw_nft::WithdrawNftOp;

#[cfg(test)]
pub(super) mod tests;
