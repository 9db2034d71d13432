//! Tokens and their prices.

use num_bigint::BigUint;
use serde::Serialize;
use utoipa::ToSchema;

use crate::devnet::tokens::Token;

/// A token in JSON-RPC.
#[derive(Debug, Clone, Serialize)]
pub(in crate::devnet) struct RpcToken {
    id: u32,
    address: String,
    symbol: String,
    decimals: u8,
    kind: &'static str,
    is_nft: bool,
}

impl From<&Token> for RpcToken {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.0,
            address: token.address.to_string(),
            symbol: token.symbol.clone(),
            decimals: token.decimals,
            kind: "ERC20",
            is_nft: false,
        }
    }
}

/// A fungible token.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub(in crate::devnet) struct RestToken {
    /// Its id; 0 is ETH.
    pub id: u32,
    /// Address of its contract; zero for ETH.
    address: String,
    /// Its symbol.
    symbol: String,
    /// Number of decimals of a whole token.
    decimals: u8,
    /// True if fees may be paid in it.
    enabled_for_fees: bool,
}

impl From<&Token> for RestToken {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.0,
            address: token.address.to_string(),
            symbol: token.symbol.clone(),
            decimals: token.decimals,
            enabled_for_fees: token.enabled_for_fees,
        }
    }
}

/// The price of a token.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct TokenPrice {
    /// Id of the token.
    token_id: u32,
    /// Symbol of the token.
    token_symbol: String,
    /// The requested currency: `usd` or the id of a token.
    price_in: String,
    /// Number of decimals of a whole token.
    decimals: u8,
    /// Price of a whole token as a decimal number.
    price: String,
}

impl TokenPrice {
    /// Returns the price of a token in the requested currency.
    pub(in crate::devnet) fn new(token: &Token, price_in: String, price: String) -> Self {
        Self {
            token_id: token.id.0,
            token_symbol: token.symbol.clone(),
            price_in,
            decimals: token.decimals,
            price,
        }
    }

    /// Returns the price of a token in another one, as a decimal number with up to 18 digits after
    /// the point.
    pub(in crate::devnet) fn ratio(token: &Token, other: &Token) -> String {
        const DIGITS: u32 = 18;
        let scale = BigUint::from(10u8).pow(DIGITS);
        // Prices are above 0.
        let scaled =
            BigUint::from(token.price_micro_usd) * scale / BigUint::from(other.price_micro_usd.max(1));
        decimal(&scaled.to_string(), DIGITS as usize)
    }
}

/// Returns an integer divided by a power of ten, without trailing zeros.
fn decimal(integer: &str, digits: usize) -> String {
    let padded = format!("{integer:0>width$}", width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_have_no_trailing_zeros() {
        for (integer, digits, text) in [
            ("1500250000", 6, "1500.25"),
            ("1000000", 6, "1"),
            ("1", 6, "0.000001"),
            ("0", 6, "0"),
            ("120", 1, "12"),
        ] {
            assert_eq!(decimal(integer, digits), text);
        }
    }
}
