//! Byte layouts of public data and signed messages: big-endian integers, packed amounts and fees
//! (docs/protocol/03-operations.md §2, §3).

use crate::crypto::packed_float::{PackError, pack_amount, pack_fee};
use crate::domain::amount::{AmountError, to_u128};
use crate::domain::hex_types::Address;
use crate::domain::ids::{AccountId, CURRENT_TX_VERSION, Nonce, TokenId};
use crate::domain::tx::TimeRange;
use num_bigint::BigUint;

/// The reason why a transaction or an operation has no byte form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WireError {
    /// An amount exceeds the size of its field.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// A fee has no packed form.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The public data of an operation does not fill the chunks that the operation takes.
    #[error("public data has {actual} bytes, but the operation's chunks have {expected}")]
    Length {
        /// Size of the operation's chunks in bytes.
        expected: usize,
        /// Length of the public data in bytes.
        actual: usize,
    },
}

/// Size of a price in an order, in bytes.
const PRICE_BYTES: usize = 15;

/// Builds a byte form field by field.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(code: u8) -> Self {
        Self(vec![code])
    }

    /// Starts a signed message of the current version.
    pub(super) fn versioned(tx_type: u8) -> Self {
        Self(vec![u8::MAX - tx_type, CURRENT_TX_VERSION])
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub(super) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn account(self, id: AccountId) -> Self {
        self.u32(id.0)
    }

    pub(super) fn token(self, id: TokenId) -> Self {
        self.u32(id.0)
    }

    /// Writes two bytes; a larger id loses its high half.
    pub(super) fn legacy_token(self, id: TokenId) -> Self {
        self.bytes(&id.0.to_be_bytes()[2..])
    }

    pub(super) fn nonce(self, nonce: Nonce) -> Self {
        self.u32(nonce.0)
    }

    pub(super) fn address(self, address: &Address) -> Self {
        self.bytes(&address.0)
    }

    pub(super) fn time_range(self, range: TimeRange) -> Self {
        self.bytes(&range.valid_from.to_be_bytes()).bytes(&range.valid_until.to_be_bytes())
    }

    /// Writes 16 bytes.
    pub(super) fn amount(self, amount: &BigUint) -> Result<Self, WireError> {
        Ok(self.bytes(&to_u128(amount)?.to_be_bytes()))
    }

    /// Writes 5 bytes, rounded as [`pack_amount`] does.
    pub(super) fn packed_amount(self, amount: &BigUint) -> Result<Self, WireError> {
        Ok(self.bytes(&pack_amount(to_u128(amount)?)))
    }

    /// Writes 2 bytes, rounded as [`pack_fee`] does.
    pub(super) fn packed_fee(self, fee: &BigUint) -> Result<Self, WireError> {
        Ok(self.bytes(&pack_fee(to_u128(fee)?)?))
    }

    /// Writes 15 bytes.
    pub(super) fn price(self, price: &BigUint) -> Result<Self, WireError> {
        let bytes = to_u128(price)?.to_be_bytes();
        match bytes[0] {
            0 => Ok(self.bytes(&bytes[16 - PRICE_BYTES..])),
            _ => Err(AmountError::TooBig.into()),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Returns the bytes, filled up with zeros to `length`.
    pub(super) fn padded(mut self, length: usize) -> Vec<u8> {
        debug_assert!(self.0.len() <= length);
        self.0.resize(length, 0);
        self.0
    }
}
