//! The plan of a block: every leaf update, and what each chunk shows
//! (docs/protocol/04-witness.md §2 to §6). No hashing.
//!
//! One file per operation, each the table of its section in docs/protocol/04-witness.md §5: `s0`,
//! `s1`, … are versions, a [`Branch`] returned by `Walk::branch` is `B(account, token)` in the
//! current version, and `Branch::with_paths` shows it with the paths of another version.
//!
//! | module | content |
//! | --- | --- |
//! | `planner` | [`plan()`] and [`Planner`]: the operations of a block in order, then the fees |
//! | `walk` | account state under the updates made so far |
//! | `fees` | the fees of a block and their credit to the fee account |
//! | `chunk`, `args` | what a chunk shows, and the arguments of an operation |

mod args;
mod change_pub_key;
mod chunk;
mod close;
mod deposit;
mod fees;
mod forced_exit;
mod full_exit;
mod mint_nft;
mod planner;
mod swap;
mod transfer;
mod transfer_to_new;
mod walk;
mod withdraw;
mod withdraw_nft;

pub use args::Args;
pub use chunk::{Branch, Chunk};
pub use planner::{Plan, PlannedOp, Planner, plan};
