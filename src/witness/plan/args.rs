//! The arguments of an operation in the circuit (docs/protocol/04-witness.md §3.4).

use crate::domain::TimeRange;

/// Operation arguments except `a` and `b`, common to all chunks of an operation.
///
/// Packed amounts and fees are the big-endian integers of docs/protocol/01-primitives.md §6;
/// addresses and hashes are big-endian integers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the circuit
pub struct Args {
    pub amount_packed: [u8; 5],
    pub second_amount_packed: [u8; 5],
    pub fee: [u8; 2],
    pub full_amount: u128,
    pub new_pub_key_hash: [u8; 20],
    pub eth_address: [u8; 20],
    pub pub_nonce: u32,
    pub valid_from: u64,
    pub valid_until: u64,
    pub second_valid_from: u64,
    pub second_valid_until: u64,
    pub special_content_hash: [u8; 32],
    pub special_serial_id: u32,
    pub special_eth_addresses: [[u8; 20]; 2],
    pub special_tokens: [u32; 3],
    pub special_accounts: [u32; 5],
    pub special_amounts: [[u8; 5]; 2],
    pub special_nonces: [u32; 3],
    pub special_prices: [u128; 4],
}

impl Default for Args {
    fn default() -> Self {
        /// Default of `valid_until` in the circuit: 2^32 − 1, not 2^64 − 1.
        const VALID_UNTIL: u64 = u32::MAX as u64;
        Self {
            amount_packed: [0; 5],
            second_amount_packed: [0; 5],
            fee: [0; 2],
            full_amount: 0,
            new_pub_key_hash: [0; 20],
            eth_address: [0; 20],
            pub_nonce: 0,
            valid_from: 0,
            valid_until: VALID_UNTIL,
            second_valid_from: 0,
            second_valid_until: VALID_UNTIL,
            special_content_hash: [0; 32],
            special_serial_id: 0,
            special_eth_addresses: [[0; 20]; 2],
            special_tokens: [0; 3],
            special_accounts: [0; 5],
            special_amounts: [[0; 5]; 2],
            special_nonces: [0; 3],
            special_prices: [0; 4],
        }
    }
}

impl Args {
    /// Sets the validity period; a transaction without one is always valid.
    pub(super) fn valid(self, range: Option<TimeRange>) -> Self {
        let TimeRange { valid_from, valid_until } = range.unwrap_or_default();
        Self { valid_from, valid_until, ..self }
    }
}
