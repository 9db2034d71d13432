//! Close operation: disabled in the protocol, but still part of the JSON of blocks
//! (docs/protocol/03-operations.md §14).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::tx::Close;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`Close`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOp {
    /// The transaction.
    pub tx: Close,
    /// Id of the closed account.
    pub account_id: AccountId,
}

impl Layout for CloseOp {
    const OP_CODE: u8 = 0x04;
    const CHUNKS: usize = 1;
    const IS_ONCHAIN: bool = false;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        Ok(data.account(self.account_id))
    }
}
