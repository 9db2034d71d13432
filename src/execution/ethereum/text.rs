//! Tokens and amounts as messages show them (docs/protocol/07-execution.md §12).

use crate::domain::TokenId;
use num_bigint::BigUint;

/// A token as messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenText {
    /// Symbol of the token.
    pub(crate) symbol: String,
    /// Number of decimals.
    pub(crate) decimals: u8,
}

/// Looks up a fungible token; `None` if it is unknown. NFTs need no lookup.
pub(crate) type Tokens<'a> = &'a dyn Fn(TokenId) -> Option<TokenText>;

/// Returns the text of a token, that of an NFT being `NFT-<id>` without decimals.
pub(super) fn token(id: TokenId, tokens: Tokens<'_>) -> Option<TokenText> {
    if id.is_nft() {
        return Some(TokenText { symbol: format!("NFT-{id}"), decimals: 0 });
    }
    tokens(id)
}

/// Returns an amount with its token: a decimal number with at least one digit behind the point and
/// no further zeros at its end, a space, the symbol.
pub(super) fn amount(amount: &BigUint, id: TokenId, tokens: Tokens<'_>) -> Option<String> {
    let TokenText { symbol, decimals } = token(id, tokens)?;
    let decimals = usize::from(decimals);
    let digits = format!("{amount:0>width$}", amount = amount.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    Some(format!("{whole}.{fraction} {symbol}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_digit_behind_the_point_and_no_further_zeros() {
        let tokens = |id: TokenId| match id.0 {
            0 => Some(TokenText { symbol: "ETH".into(), decimals: 18 }),
            1 => Some(TokenText { symbol: "USDC".into(), decimals: 6 }),
            2 => Some(TokenText { symbol: "ONE".into(), decimals: 0 }),
            _ => None,
        };
        let text = |value: u128, id: u32| amount(&value.into(), TokenId(id), &tokens);
        assert_eq!(text(1_000_000_000_000_000_000, 0).unwrap(), "1.0 ETH");
        assert_eq!(text(1_000_000_000_000, 0).unwrap(), "0.000001 ETH");
        assert_eq!(text(12_345_600, 1).unwrap(), "12.3456 USDC");
        assert_eq!(text(1, 1).unwrap(), "0.000001 USDC");
        assert_eq!(text(7, 2).unwrap(), "7.0 ONE");
        assert_eq!(text(0, 2).unwrap(), "0.0 ONE");
        assert_eq!(text(1, 65_536).unwrap(), "1.0 NFT-65536");
        assert_eq!(text(1, 3), None);
    }
}
