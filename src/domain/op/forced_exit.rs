//! ForcedExit operation (docs/protocol/03-operations.md §11).

use super::layout::Layout;
use crate::domain::amount;
use crate::domain::ids::AccountId;
use crate::domain::tx::ForcedExit;
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An executed [`ForcedExit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedExitOp {
    /// The transaction.
    pub tx: ForcedExit,
    /// Id of the emptied account.
    pub target_account_id: AccountId,
    /// Withdrawn amount; absent means zero.
    #[serde(default, with = "amount::option")]
    pub withdraw_amount: Option<BigUint>,
}

impl Layout for ForcedExitOp {
    const OP_CODE: u8 = 0x08;
    const CHUNKS: usize = 6;
    const IS_ONCHAIN: bool = true;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        let data = data
            .account(self.tx.initiator_account_id)
            .account(self.target_account_id)
            .token(self.tx.token)
            .amount(self.withdraw_amount.as_ref().unwrap_or(&BigUint::ZERO))?
            .packed_fee(&self.tx.fee)?;
        Ok(data.address(&self.tx.target))
    }
}
