//! Transactions of the rollup, one file each (docs/protocol/02-types-json.md §2,
//! docs/protocol/03-operations.md §3).

mod change_pub_key;
mod close;
mod forced_exit;
mod mint_nft;
mod order;
mod signature;
mod swap;
mod time_range;
mod transaction;
mod transfer;
mod withdraw;
mod withdraw_nft;

pub use change_pub_key::{ChangePubKey, ChangePubKeyEthAuthData};
pub use close::Close;
pub use forced_exit::ForcedExit;
pub use mint_nft::MintNft;
pub use order::Order;
pub use signature::{SignedForms, TxSignature, TxVersion};
pub use swap::Swap;
pub use time_range::TimeRange;
pub use transaction::{SignedZkSyncTx, ZkSyncTx};
pub use transfer::Transfer;
pub use withdraw::Withdraw;
pub use withdraw_nft::WithdrawNft;

#[cfg(test)]
mod tests;
