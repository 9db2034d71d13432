//! The objects that JSON-RPC and REST share (docs/protocol/08-devnet-api.md §4, §7.4).
//!
//! | module | content |
//! | --- | --- |
//! | `hash` | hashes of transactions in both of their text forms |
//! | `signatures` | Ethereum signatures as requests give them |
//! | `token`, `nft`, `account` | tokens with their prices, NFTs, accounts |
//! | `info` | a transaction as JSON-RPC shows it |
//! | `transaction` | a transaction as REST shows it |
//! | `block`, `fee` | sealed blocks, quoted fees |

mod account;
mod block;
mod fee;
mod hash;
mod info;
mod nft;
mod signatures;
mod token;
mod transaction;

pub(super) use account::{AccountInfo, AccountState, RestAccount, RestAccounts};
pub(super) use block::BlockInfo;
pub(super) use fee::{RestFee, RpcFee};
pub(super) use hash::TxHashArgument;
pub(super) use info::{EthOpInfo, TxInfo};
pub(super) use nft::NftInfo;
pub(super) use signatures::{BatchSignatures, TxSignatures};
pub(super) use token::{RestToken, RpcToken, TokenPrice};
pub(super) use transaction::{BatchView, Receipt, TransactionView, TxData, tokens_of};
