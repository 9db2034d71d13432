//! Byte layouts of public data and signed messages: big-endian integers, packed amounts and fees (spec 03).

use super::{
    AccountId, Address, AmountError, CURRENT_TX_VERSION, H256, Nonce, PubKeyHash, TimeRange, TokenId, to_u128,
};
use crate::crypto::packed_float::{self, PackError};
use num_bigint::BigUint;

/// Why a value cannot be written, or bytes cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WireError {
    /// An amount is larger than its place.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// An amount or fee has no packed form.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// Packed bytes stand for more than 128 bits.
    #[error("packed value does not fit 128 bits")]
    Unpack,
    /// Nothing to decode.
    #[error("Cannot decode empty public data")]
    Empty,
    /// The first byte is no operation code.
    #[error("Unknown operation type {0}")]
    UnknownOperation(u8),
    /// The length is not that of the operation.
    #[error("wrong length of public data: expected {expected} bytes, got {actual}")]
    Length {
        /// Bytes the operation has.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// A Noop is all zeros.
    #[error("public data of a Noop is not zero")]
    NonZeroNoop,
}

/// Bytes of a price in an order.
const PRICE_BYTES: usize = 15;

/// Builds a message field by field.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn new(code: u8) -> Self {
        Self(vec![code])
    }

    /// Start of a signed message of the current version.
    pub fn versioned(tx_type: u8) -> Self {
        Self(vec![u8::MAX - tx_type, CURRENT_TX_VERSION])
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn account(self, id: AccountId) -> Self {
        self.u32(id.0)
    }

    pub fn token(self, id: TokenId) -> Self {
        self.u32(id.0)
    }

    /// Two bytes; a larger id loses its high half.
    pub fn legacy_token(self, id: TokenId) -> Self {
        self.bytes(&id.0.to_be_bytes()[2..])
    }

    pub fn nonce(self, nonce: Nonce) -> Self {
        self.u32(nonce.0)
    }

    pub fn address(self, address: &Address) -> Self {
        self.bytes(&address.0)
    }

    pub fn time_range(self, range: TimeRange) -> Self {
        self.bytes(&range.valid_from.to_be_bytes()).bytes(&range.valid_until.to_be_bytes())
    }

    pub fn amount(self, amount: &BigUint) -> Result<Self, WireError> {
        Ok(self.bytes(&to_u128(amount)?.to_be_bytes()))
    }

    /// Rounded down to what can be packed.
    pub fn packed_amount(self, amount: &BigUint) -> Result<Self, WireError> {
        Ok(self.bytes(&packed_float::pack_amount(to_u128(amount)?)?))
    }

    /// Rounded down to what can be packed.
    pub fn packed_fee(self, fee: &BigUint) -> Result<Self, WireError> {
        Ok(self.bytes(&packed_float::pack_fee(to_u128(fee)?)?))
    }

    pub fn price(self, price: &BigUint) -> Result<Self, WireError> {
        let bytes = to_u128(price)?.to_be_bytes();
        match bytes[0] {
            0 => Ok(self.bytes(&bytes[16 - PRICE_BYTES..])),
            _ => Err(AmountError::TooBig.into()),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Filled up with zeros to `length`.
    pub fn padded(mut self, length: usize) -> Vec<u8> {
        debug_assert!(self.0.len() <= length);
        self.0.resize(length, 0);
        self.0
    }
}

/// Reads public data field by field, behind the operation code.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
    legacy: bool,
}

impl<'a> Reader<'a> {
    /// Public data of exactly `length` bytes. `legacy`: tokens have two bytes.
    pub fn exactly(data: &'a [u8], length: usize, legacy: bool) -> Result<Self, WireError> {
        if data.len() != length {
            return Err(WireError::Length { expected: length, actual: data.len() });
        }
        Self::at_least(data, length, legacy)
    }

    /// Public data of `length` bytes or more.
    pub fn at_least(data: &'a [u8], length: usize, legacy: bool) -> Result<Self, WireError> {
        let mut reader = Self { rest: data, length, legacy };
        reader.array::<1>()?;
        if data.len() < length {
            return Err(WireError::Length { expected: length, actual: data.len() });
        }
        Ok(reader)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(WireError::Length { expected: self.length, actual: self.rest.len() })?;
        self.rest = rest;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn account(&mut self) -> Result<AccountId, WireError> {
        self.u32().map(AccountId)
    }

    pub fn token(&mut self) -> Result<TokenId, WireError> {
        if self.legacy {
            self.array().map(|bytes| TokenId(u32::from(u16::from_be_bytes(bytes))))
        } else {
            self.u32().map(TokenId)
        }
    }

    pub fn nonce(&mut self) -> Result<Nonce, WireError> {
        self.u32().map(Nonce)
    }

    pub fn address(&mut self) -> Result<Address, WireError> {
        self.array().map(Address)
    }

    pub fn pub_key_hash(&mut self) -> Result<PubKeyHash, WireError> {
        self.array().map(PubKeyHash)
    }

    pub fn hash(&mut self) -> Result<H256, WireError> {
        self.array().map(H256)
    }

    pub fn amount(&mut self) -> Result<BigUint, WireError> {
        self.array().map(|bytes| u128::from_be_bytes(bytes).into())
    }

    pub fn packed_amount(&mut self) -> Result<BigUint, WireError> {
        packed_float::unpack_amount(&self.array::<5>()?).map(BigUint::from).ok_or(WireError::Unpack)
    }

    pub fn packed_fee(&mut self) -> Result<BigUint, WireError> {
        packed_float::unpack_fee(&self.array::<2>()?).map(BigUint::from).ok_or(WireError::Unpack)
    }
}
