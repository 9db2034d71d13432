//! Tokens and what is told of them (spec 02 §8).

use super::{Address, TokenId};
use serde::{Deserialize, Serialize};

/// A token of the rollup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Id.
    pub id: TokenId,
    /// Contract of a fungible token; of an NFT, the address derived from its content.
    pub address: Address,
    /// Symbol.
    pub symbol: String,
    /// Decimal places of the unit amounts are shown in.
    pub decimals: u8,
    /// Kind.
    pub kind: TokenKind,
    /// Whether it is an NFT.
    pub is_nft: bool,
}

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenKind {
    /// Fungible.
    #[serde(rename = "ERC20")]
    Erc20,
    /// Not fungible.
    #[serde(rename = "NFT")]
    Nft,
    /// Neither.
    None,
}

/// A token as its contract describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The contract.
    pub address: Address,
    /// Decimal places of the unit amounts are shown in.
    pub decimals: u8,
    /// Symbol.
    pub symbol: String,
}

/// A token was added on Ethereum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTokenEvent {
    /// Ethereum block in which that happened.
    pub eth_block_number: u64,
    /// Contract of the token.
    pub address: Address,
    /// Id it was given.
    pub id: TokenId,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    const ADDRESS: &str = "0x2a0a81e257a2f5d6ed4f07b81dbda09f107bd026";

    #[test]
    fn keys_are_in_the_order_of_the_specification() {
        for (kind, name) in [(TokenKind::Erc20, "ERC20"), (TokenKind::Nft, "NFT"), (TokenKind::None, "None")]
        {
            let token = round_trip::<Token>(&format!(
                r#"{{"id":5,"address":"{ADDRESS}","symbol":"DAI","decimals":18,"kind":"{name}","is_nft":false}}"#
            ));
            assert_eq!(token.kind, kind);
        }
        round_trip::<TokenInfo>(&format!(r#"{{"address":"{ADDRESS}","decimals":255,"symbol":"DAI"}}"#));
        round_trip::<NewTokenEvent>(&format!(
            r#"{{"eth_block_number":18446744073709551615,"address":"{ADDRESS}","id":5}}"#
        ));
        for bad in [r#""erc20""#, r#""Erc20""#, "null", "0"] {
            assert!(serde_json::from_str::<TokenKind>(bad).is_err(), "{bad}");
        }
    }
}
