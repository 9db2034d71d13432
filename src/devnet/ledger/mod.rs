//! The chain as clients see it, kept in memory.
//!
//! | module | content |
//! | --- | --- |
//! | `state` | the whole ledger, and its queries |
//! | `changes` | requests arrive, are executed, sealed and final |
//! | `accounts` | accounts by id and by address |
//! | `records` | the record of a transaction, a batch or a block |
//! | `waiting` | the mempool, and the priority operations that wait |
//! | `parties` | the addresses that take part in a request |
//! | `hashes` | the hashes by which requests are found |

mod accounts;
mod changes;
mod hashes;
mod parties;
mod records;
mod state;
mod waiting;

pub(crate) use accounts::Accounts;
pub(super) use hashes::{of_batch, of_priority_op};
pub(crate) use records::{AccountType, BatchRecord, BlockRecord, TxBody, TxRecord, TxStatus};
pub(crate) use state::Ledger;
pub(super) use waiting::{Request, WaitingRequest};
