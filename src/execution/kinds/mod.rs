//! The kinds of operations, one file each: the checks in order, the operation, its account updates
//! (docs/protocol/07-execution.md §3 to §5).
//!
//! `create` reads the state and returns the operation; `apply` changes the state. Within each, the
//! first check that fails decides.

mod change_pub_key;
mod checks;
mod deposit;
mod dispatch;
mod forced_exit;
mod full_exit;
mod mint_nft;
mod swap;
mod transfer;
mod withdraw;
mod withdraw_nft;

pub(super) use dispatch::{apply, chunks_needed, create, create_priority};
