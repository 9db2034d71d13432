//! Swap (docs/protocol/02-types-json.md §2).

use super::order::Order;
use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::crypto::signature::rescue_hash_orders;
use crate::domain::amount;
use crate::domain::hex_types::Address;
use crate::domain::ids::{AccountId, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// A transaction that exchanges tokens between the owners of two orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Id of the account that pays the fee.
    pub submitter_id: AccountId,
    /// Address of the submitter.
    pub submitter_address: Address,
    /// Nonce of the submitter.
    pub nonce: Nonce,
    /// The two orders.
    pub orders: (Order, Order),
    /// Amounts sold by the two orders, packable.
    #[serde(with = "amount::pair")]
    pub amounts: (BigUint, BigUint),
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Token of the fee.
    pub fee_token: TokenId,
    /// Signature of the submitter.
    pub signature: TxSignature,
}

impl Swap {
    const TX_TYPE: u8 = 0x0b;

    /// Returns the signed form: `f4 01 ‖ submitter ‖ submitter address ‖ nonce ‖ orders hash 31 ‖
    /// fee token ‖ fee packed ‖ amount0 packed ‖ amount1 packed`.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        self.bytes_with(&rescue_hash_orders(&self.order_bytes()?))
    }

    /// Returns the validity period: the intersection of those of both orders.
    pub(crate) fn time_range(&self) -> TimeRange {
        let first = self.orders.0.time_range;
        let second = self.orders.1.time_range;
        TimeRange {
            valid_from: first.valid_from.max(second.valid_from),
            valid_until: first.valid_until.min(second.valid_until),
        }
    }

    /// Returns the form whose hash identifies the transaction: the signed form with both orders in
    /// place of their hash.
    pub(crate) fn full_bytes(&self) -> Result<Vec<u8>, WireError> {
        self.bytes_with(&self.order_bytes()?)
    }

    fn order_bytes(&self) -> Result<[u8; 2 * Order::SIGNED_BYTES], WireError> {
        let mut orders = [0; 2 * Order::SIGNED_BYTES];
        let (first, second) = orders.split_at_mut(Order::SIGNED_BYTES);
        first.copy_from_slice(&self.orders.0.signed_bytes()?);
        second.copy_from_slice(&self.orders.1.signed_bytes()?);
        Ok(orders)
    }

    fn bytes_with(&self, orders: &[u8]) -> Result<Vec<u8>, WireError> {
        Ok(Writer::versioned(Self::TX_TYPE)
            .account(self.submitter_id)
            .address(&self.submitter_address)
            .nonce(self.nonce)
            .bytes(orders)
            .token(self.fee_token)
            .packed_fee(&self.fee)?
            .packed_amount(&self.amounts.0)?
            .packed_amount(&self.amounts.1)?
            .finish())
    }

    /// Returns the signature with the form over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, self.signed_bytes())
    }
}
