//! ChangePubKey operation (docs/protocol/03-operations.md §10).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::tx::ChangePubKey;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`ChangePubKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePubKeyOp {
    /// The transaction.
    pub tx: ChangePubKey,
    /// Id of the account whose key changes.
    pub account_id: AccountId,
}

impl Layout for ChangePubKeyOp {
    const OP_CODE: u8 = 0x07;
    const CHUNKS: usize = 6;
    const IS_ONCHAIN: bool = true;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        data.account(self.account_id)
            .bytes(&self.tx.new_pk_hash.0)
            .address(&self.tx.account)
            .nonce(self.tx.nonce)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)
    }
}
