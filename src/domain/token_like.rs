//! Names of tokens as users give them (spec 02 §8).

use super::{Address, TokenId};
use serde::{Deserialize, Serialize};

/// One way or another to name a token; reading tries them in this order, so what looks like an address is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, expecting = "a token's id, address or symbol")]
pub enum TokenLike {
    /// Its id; JSON number.
    Id(TokenId),
    /// Its contract.
    Address(Address),
    /// Its symbol.
    Symbol(String),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    const ADDRESS: &str = "0x2a0a81e257a2f5d6ed4f07b81dbda09f107bd026";

    #[test]
    fn a_token_is_named_by_id_address_or_symbol() {
        assert_eq!(round_trip::<TokenLike>("5"), TokenLike::Id(TokenId(5)));
        let address = TokenLike::Address(ADDRESS.parse().unwrap());
        assert_eq!(round_trip::<TokenLike>(&format!("\"{ADDRESS}\"")), address);
        let without_prefix = format!("\"{}\"", ADDRESS[2..].to_uppercase());
        assert_eq!(serde_json::from_str::<TokenLike>(&without_prefix).unwrap(), address);
        for symbol in ["ETH", "5", "0x12", ""] {
            assert_eq!(round_trip::<TokenLike>(&format!("\"{symbol}\"")), TokenLike::Symbol(symbol.into()));
        }
        for bad in ["4294967296", "-1", "1.5", "null", "{}"] {
            assert!(serde_json::from_str::<TokenLike>(bad).is_err(), "{bad}");
        }
    }
}
