//! Operations: what executed transactions and priority operations did (spec 02 §4, 03). One file each.

mod change_pub_key;
mod close;
mod deposit;
mod forced_exit;
mod full_exit;
mod mint_nft;
mod noop;
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
pub use mint_nft::MintNftOp;
pub use noop::NoopOp;
pub use swap::SwapOp;
pub use transfer::TransferOp;
pub use transfer_to_new::TransferToNewOp;
pub use withdraw::WithdrawOp;
pub use withdraw_nft::WithdrawNftOp;

use serde::{Deserialize, Serialize};

/// An operation of a block; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)] // each variant is documented at its type
pub enum ZkSyncOp {
    Deposit(Box<DepositOp>),
    Transfer(Box<TransferOp>),
    TransferToNew(Box<TransferToNewOp>),
    Withdraw(Box<WithdrawOp>),
    WithdrawNFT(Box<WithdrawNftOp>),
    Close(Box<CloseOp>),
    FullExit(Box<FullExitOp>),
    ChangePubKeyOffchain(Box<ChangePubKeyOp>),
    ForcedExit(Box<ForcedExitOp>),
    MintNFTOp(Box<MintNftOp>),
    Noop(NoopOp),
    Swap(Box<SwapOp>),
}
