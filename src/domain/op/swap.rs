//! Swap operation (docs/protocol/03-operations.md §13).

use super::layout::Layout;
use crate::domain::ids::AccountId;
use crate::domain::tx::{Order, Swap};
use crate::domain::wire::{WireError, Writer};
use num_traits::Zero;
use serde::{Deserialize, Serialize};

/// An executed [`Swap`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapOp {
    /// The transaction.
    pub tx: Swap,
    /// Id of the account that pays the fee.
    pub submitter: AccountId,
    /// Ids of the owners of the orders.
    pub accounts: (AccountId, AccountId),
    /// Ids of the accounts that receive what the orders buy.
    pub recipients: (AccountId, AccountId),
}

impl SwapOp {
    /// Returns for each order whether its execution raises the owner's nonce. That of a limit order
    /// does not, and the submitter's nonce is raised by the swap itself.
    pub(crate) fn raises_nonces(&self) -> (bool, bool) {
        let raises = |order: &Order, owner| !order.amount.is_zero() && owner != self.submitter;
        (raises(&self.tx.orders.0, self.accounts.0), raises(&self.tx.orders.1, self.accounts.1))
    }

    /// Returns which orders raise their owner's nonce: bit 0 for the first, bit 1 for the second.
    ///
    /// Limit orders (amount 0) do not. Whether the owner submits the swap makes no difference here.
    fn nonce_mask(&self) -> u8 {
        let bit = |order: &Order| u8::from(!order.amount.is_zero());
        bit(&self.tx.orders.0) | bit(&self.tx.orders.1) << 1
    }
}

impl Layout for SwapOp {
    const OP_CODE: u8 = 0x0b;
    const CHUNKS: usize = 5;
    const IS_ONCHAIN: bool = false;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        let data = data
            .account(self.accounts.0)
            .account(self.recipients.0)
            .account(self.accounts.1)
            .account(self.recipients.1)
            .account(self.submitter)
            .token(self.tx.orders.0.token_sell)
            .token(self.tx.orders.1.token_sell)
            .token(self.tx.fee_token)
            .packed_amount(&self.tx.amounts.0)?
            .packed_amount(&self.tx.amounts.1)?
            .packed_fee(&self.tx.fee)?;
        Ok(data.u8(self.nonce_mask()))
    }
}
