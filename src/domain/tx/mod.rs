//! Transactions of the rollup, one file each (docs/protocol/02-types-json.md §2,
//! docs/protocol/03-operations.md §3).

mod change_pub_key;
mod close;
mod forced_exit;
mod hash;
mod mint_nft;
mod order;
mod signature;
mod swap;
mod time_range;
mod transaction;
mod transfer;
mod withdraw;
mod withdraw_nft;

pub(crate) use change_pub_key::{ChangePubKey, ChangePubKeyEthAuthData};
pub(crate) use close::Close;
pub(crate) use forced_exit::ForcedExit;
pub(crate) use mint_nft::MintNft;
pub(crate) use order::Order;
pub(crate) use signature::{SignedForms, TxSignature, TxVersion};
pub(crate) use swap::Swap;
pub(crate) use time_range::TimeRange;
pub(crate) use transaction::{SignedZkSyncTx, ZkSyncTx};
pub(crate) use transfer::Transfer;
pub(crate) use withdraw::Withdraw;
pub(crate) use withdraw_nft::WithdrawNft;

#[cfg(test)]
mod tests;
