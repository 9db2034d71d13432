//! Swap (spec 02 §2).

use super::{Order, PubKeyHash, SignedForms, TimeRange, TxSignature, TxVersion, WireError, Writer};
use crate::crypto::signature::rescue_hash_orders;
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Exchanges tokens between the owners of two orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Who pays the fee.
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
    /// Submitter's signature.
    pub signature: TxSignature,
}

impl Swap {
    /// Number of the transaction type.
    pub const TX_TYPE: u8 = 0x0b;

    /// Signed form: `f4 01 ‖ submitter ‖ submitter address ‖ nonce ‖ orders hash 31 ‖ fee token ‖ fee packed ‖
    /// amount0 packed ‖ amount1 packed`.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WireError> {
        self.message(&rescue_hash_orders(&self.orders_bytes()?))
    }

    /// The signed form with both orders in the place of their hash; the transaction hash is over it.
    pub fn full_bytes(&self) -> Result<Vec<u8>, WireError> {
        self.message(&self.orders_bytes()?)
    }

    fn message(&self, orders: &[u8]) -> Result<Vec<u8>, WireError> {
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

    fn orders_bytes(&self) -> Result<[u8; 2 * Order::SIGNED_BYTES], WireError> {
        let mut bytes = [0; 2 * Order::SIGNED_BYTES];
        bytes[..Order::SIGNED_BYTES].copy_from_slice(&self.orders.0.signed_bytes()?);
        bytes[Order::SIGNED_BYTES..].copy_from_slice(&self.orders.1.signed_bytes()?);
        Ok(bytes)
    }

    /// When both orders are valid: the later start and the earlier end.
    pub fn time_range(&self) -> TimeRange {
        let (a, b) = (self.orders.0.time_range, self.orders.1.time_range);
        TimeRange {
            valid_from: a.valid_from.max(b.valid_from),
            valid_until: a.valid_until.min(b.valid_until),
        }
    }

    /// Hash of the key that signed for the submitter; `None` if the signature does not verify. Orders have their own.
    pub fn verify_signature(&self) -> Option<(PubKeyHash, TxVersion)> {
        self.signed_forms().verify()
    }

    /// The signature with the forms it may be over.
    pub fn signed_forms(&self) -> SignedForms {
        SignedForms::new(self.signature, None, self.signed_bytes())
    }
}
