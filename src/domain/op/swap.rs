//! Swap operation (spec 03 §13).

use super::{OpError, Reader, Writer};
use crate::domain::{AccountId, Address, CHUNK_BYTES, Nonce, Order, Swap, TimeRange, TokenId, TxSignature};
use num_bigint::BigUint;
use num_traits::Zero;
use serde::{Deserialize, Serialize};

/// An executed [`Swap`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapOp {
    /// The transaction.
    pub tx: Swap,
    /// Who pays the fee.
    pub submitter: AccountId,
    /// Owners of the orders.
    pub accounts: (AccountId, AccountId),
    /// Who receives what the orders buy.
    pub recipients: (AccountId, AccountId),
}

impl SwapOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x0b;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 5;

    /// `0b ‖ account0 ‖ recipient0 ‖ account1 ‖ recipient1 ‖ submitter ‖ sell token0 ‖ sell token1 ‖ fee token ‖
    /// amount0 packed ‖ amount1 packed ‖ fee packed ‖ nonce mask 1`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        let orders = &self.tx.orders;
        Ok(Writer::new(Self::OP_CODE)
            .account(self.accounts.0)
            .account(self.recipients.0)
            .account(self.accounts.1)
            .account(self.recipients.1)
            .account(self.submitter)
            .token(orders.0.token_sell)
            .token(orders.1.token_sell)
            .token(self.tx.fee_token)
            .packed_amount(&self.tx.amounts.0)?
            .packed_amount(&self.tx.amounts.1)?
            .packed_fee(&self.tx.fee)?
            .u8(self.nonce_mask())
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Which orders raise their owner's nonce: bit 0 for the first, bit 1 for the second. Limit orders (amount 0) do
    /// not; whether an owner is the submitter does not matter.
    pub fn nonce_mask(&self) -> u8 {
        let bit = |order: &Order| u8::from(!order.amount.is_zero());
        bit(&self.tx.orders.0) | bit(&self.tx.orders.1) << 1
    }

    /// Inverse of [`Self::public_data`]; addresses, nonces, prices, validity and signatures are lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        let mut data = Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?;
        let (account0, recipient0) = (data.account()?, data.account()?);
        let (account1, recipient1) = (data.account()?, data.account()?);
        let submitter = data.account()?;
        let tokens = (data.token()?, data.token()?);
        let fee_token = data.token()?;
        let amounts = (data.packed_amount()?, data.packed_amount()?);
        let fee = data.packed_fee()?;
        let mask = data.u8()?;
        let amount_if = |bit: u8, amount: &BigUint| match mask & bit {
            0 => BigUint::ZERO,
            _ => amount.clone(),
        };
        let orders = (
            order(account0, tokens.0, tokens.1, amount_if(1, &amounts.0)),
            order(account1, tokens.1, tokens.0, amount_if(2, &amounts.1)),
        );
        let tx = Swap {
            submitter_id: submitter,
            submitter_address: Address::default(),
            nonce: Nonce(0),
            orders,
            amounts,
            fee,
            fee_token,
            signature: TxSignature::default(),
        };
        Ok(Self { tx, submitter, accounts: (account0, account1), recipients: (recipient0, recipient1) })
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.submitter, self.accounts.0, self.accounts.1, self.recipients.0, self.recipients.1]
    }
}

/// What public data tells about an order.
fn order(account_id: AccountId, token_sell: TokenId, token_buy: TokenId, amount: BigUint) -> Order {
    Order {
        account_id,
        recipient: Address::default(),
        nonce: Nonce(0),
        token_buy,
        token_sell,
        ratio: (BigUint::ZERO, BigUint::ZERO),
        amount,
        time_range: TimeRange::default(),
        signature: TxSignature::default(),
    }
}
