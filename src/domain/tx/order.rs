//! Order of a swap (spec 02 §2).

use super::{PubKeyHash, TimeRange, TxSignature, WireError, Writer};
use crate::domain::{AccountId, Address, CURRENT_TX_VERSION, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// One side of a swap, signed by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Owner.
    pub account_id: AccountId,
    /// Address that receives the bought token.
    pub recipient: Address,
    /// Nonce of the owner.
    pub nonce: Nonce,
    /// Token received.
    pub token_buy: TokenId,
    /// Token given.
    pub token_sell: TokenId,
    /// Price as (sell, buy), each at most 120 bits.
    #[serde(with = "amount::pair")]
    pub ratio: (BigUint, BigUint),
    /// Amount to sell; 0 makes it a limit order, which may be filled repeatedly.
    #[serde(with = "amount")]
    pub amount: BigUint,
    /// Validity.
    #[serde(flatten)]
    pub time_range: TimeRange,
    /// Owner's signature.
    pub signature: TxSignature,
}

impl Order {
    /// First byte of the signed form: the letter `o`.
    const MESSAGE_TYPE: u8 = b'o';
    /// Length of the signed form.
    pub const SIGNED_BYTES: usize = 89;

    /// Signed form: `6f 01 ‖ account ‖ recipient ‖ nonce ‖ sell token ‖ buy token ‖ sell price 15 ‖ buy price 15 ‖
    /// amount packed ‖ validity`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
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

    /// Hash of the key that signed; `None` if the signature does not verify.
    pub fn verify_signature(&self) -> Option<PubKeyHash> {
        self.signature.verify(&self.signed_bytes().ok()?)
    }
}
