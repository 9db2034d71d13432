//! Order of a swap (docs/protocol/02-types-json.md §2).

use super::signature::{SignedForms, TxSignature};
use super::time_range::TimeRange;
use crate::domain::amount;
use crate::domain::hex_types::Address;
use crate::domain::ids::{AccountId, CURRENT_TX_VERSION, Nonce, TokenId};
use crate::domain::wire::{WireError, Writer};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// One side of a swap, signed by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Id of the owner.
    pub account_id: AccountId,
    /// Address that receives the bought token.
    pub recipient: Address,
    /// Nonce of the owner.
    pub nonce: Nonce,
    /// The bought token.
    pub token_buy: TokenId,
    /// The sold token.
    pub token_sell: TokenId,
    /// Price as (sell, buy), each of at most 120 bits.
    #[serde(with = "amount::pair")]
    pub ratio: (BigUint, BigUint),
    /// Amount to sell; 0 makes it a limit order, which may be filled repeatedly.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Validity period.
    #[serde(flatten)]
    pub time_range: TimeRange,
    /// Signature of the owner.
    pub signature: TxSignature,
}

impl Order {
    /// First byte of the signed form: the letter `o`.
    const MESSAGE_TYPE: u8 = b'o';
    /// Length of the signed form in bytes.
    pub(super) const SIGNED_BYTES: usize = 89;

    /// Returns the signed form: `6f 01 ‖ account ‖ recipient ‖ nonce ‖ sell token ‖ buy token ‖
    /// sell price 15 ‖ buy price 15 ‖ amount packed ‖ validity`.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(Writer::new(Self::MESSAGE_TYPE)
            .u8(CURRENT_TX_VERSION)
            .account(self.account_id)
            .address(&self.recipient)
            .nonce(self.nonce)
            .token(self.token_sell)
            .token(self.token_buy)
            .price(&self.ratio.0)?
            .price(&self.ratio.1)?
            .packed_amount(&self.amount)?
            .time_range(self.time_range)
            .finish())
    }

    /// Returns the signature with the form over which it may be valid.
    pub(crate) fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, self.signed_bytes())
    }
}
