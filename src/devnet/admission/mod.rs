//! Admission: the checks before a transaction is accepted, in the order of the reference
//! (docs/protocol/07-execution.md §11).
//!
//! | module | content |
//! | --- | --- |
//! | `context` | the state that the checks read |
//! | `facts` | sender, fee and kind of a transaction |
//! | `signatures` | Ethereum signatures |
//! | `signature_queue` | signatures that are checked together |
//! | `single`, `batch` | the checks of a transaction and of a batch |
//! | `two_factor` | the checks of a switch of two-factor authentication |

mod batch;
mod context;
mod facts;
mod signature_queue;
mod signatures;
mod single;
#[cfg(test)]
mod tests;
mod two_factor;

pub(super) use context::Admission;
pub(super) use signature_queue::SignatureQueue;
