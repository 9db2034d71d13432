//! The tokens of a devnet (docs/protocol/08-devnet-api.md §5).

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::domain::{Address, PROCESSABLE_TOKENS, TokenId};

/// Millionths of a US dollar in a dollar.
const MICRO: u64 = 1_000_000;

/// A fungible token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its id, at most 1023; 0 is ETH.
    pub id: TokenId,
    /// Address of its contract; zero for ETH.
    pub address: Address,
    /// Its symbol, unique.
    pub symbol: String,
    /// Number of decimals of a whole token.
    pub decimals: u8,
    /// Price of a whole token, in millionths of a US dollar; above 0.
    pub price_micro_usd: u64,
    /// Fee of one chunk, in the smallest unit of the token.
    pub fee_per_chunk: u128,
    /// True if fees may be paid in it.
    pub enabled_for_fees: bool,
}

impl Token {
    fn new(id: u32, symbol: &str, decimals: u8, dollars: u64) -> Self {
        Self {
            id: TokenId(id),
            address: invented_address(id),
            symbol: symbol.to_owned(),
            decimals,
            price_micro_usd: dollars.saturating_mul(MICRO),
            fee_per_chunk: default_fee(decimals),
            enabled_for_fees: true,
        }
    }

    /// Returns the price of a whole token in US dollars as a decimal number, such as `1500.25`.
    pub(crate) fn price_usd(&self) -> String {
        let fraction = format!("{:06}", self.price_micro_usd % MICRO);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}", self.price_micro_usd / MICRO)
    }
}

/// Returns the default fee of a chunk: the product with any number of chunks is packable.
fn default_fee(decimals: u8) -> u128 {
    10u128.saturating_pow(u32::from(decimals).saturating_sub(6))
}

/// Returns the address of a token without a configured one: zero for ETH, else the id at its end.
fn invented_address(id: u32) -> Address {
    let mut address = [0; 20];
    if id > 0 {
        address[0] = 0xde;
        address[16..].copy_from_slice(&id.to_be_bytes());
    }
    Address(address)
}

/// A token as requests name it: id, address or symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenLike {
    /// An id; those from 65536 on are NFTs.
    Id(TokenId),
    /// The address of the contract.
    Address(Address),
    /// A symbol; its case is ignored.
    Symbol(String),
}

impl From<&str> for TokenLike {
    /// Reads a decimal number as an id, 40 hex digits after `0x` as an address, anything else as a
    /// symbol.
    fn from(text: &str) -> Self {
        if let Ok(id) = text.parse() {
            return Self::Id(TokenId(id));
        }
        match text.starts_with("0x").then(|| Address::from_str(text)) {
            Some(Ok(address)) => Self::Address(address),
            _ => Self::Symbol(text.to_owned()),
        }
    }
}

impl fmt::Display for TokenLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Symbol(symbol) => f.write_str(symbol),
        }
    }
}

impl<'de> Deserialize<'de> for TokenLike {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Id(u32),
            Text(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Id(id) => Self::Id(TokenId(id)),
            Form::Text(text) => Self::from(text.as_str()),
        })
    }
}

/// The reason why a list of tokens is not usable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum TokensError {
    /// It is not TOML of the expected shape.
    #[error("{0}")]
    Toml(String),
    /// An id is not that of a fungible token.
    #[error("token id {0} is not between 1 and 1023, or 0 for ETH")]
    Id(u32),
    /// Two tokens share an id, a symbol or an address.
    #[error("two tokens have the {0}")]
    Twice(String),
    /// A symbol would be read as an id or an address.
    #[error("{0:?} cannot be the symbol of a token: use letters, digits, - or _, with a letter first")]
    Symbol(String),
    /// A price is zero, negative or too exact.
    #[error("{0} is not a price in US dollars: use a number above 0 with at most 6 decimals")]
    Price(String),
    /// There are more decimals than amounts have.
    #[error("a token has at most 38 decimals, not {0}")]
    Decimals(u8),
}

/// All tokens by id, ETH first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens(Vec<Token>);

impl Default for Tokens {
    fn default() -> Self {
        Self(vec![
            Token::new(0, "ETH", 18, 2000),
            Token::new(1, "DAI", 18, 1),
            Token::new(2, "USDC", 6, 1),
            Token::new(3, "WBTC", 8, 40_000),
        ])
    }
}

/// A token in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRow {
    id: u32,
    symbol: String,
    decimals: u8,
    address: Option<Address>,
    price_usd: Option<toml::Value>,
    fee_per_chunk: Option<u64>,
    enabled_for_fees: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    #[serde(default)]
    token: Vec<TokenRow>,
}

impl TokenRow {
    fn token(self) -> Result<Token, TokensError> {
        if self.id >= PROCESSABLE_TOKENS {
            return Err(TokensError::Id(self.id));
        }
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !self.symbol.starts_with(|c: char| c.is_ascii_alphabetic()) || !self.symbol.chars().all(valid) {
            return Err(TokensError::Symbol(self.symbol));
        }
        if self.decimals > 38 {
            return Err(TokensError::Decimals(self.decimals));
        }
        let mut token = Token::new(self.id, &self.symbol, self.decimals, 1);
        if let Some(price) = self.price_usd {
            let text = price.as_str().map_or_else(|| price.to_string(), str::to_owned);
            token.price_micro_usd = micro_usd(&text).ok_or(TokensError::Price(text))?;
        }
        token.address = self.address.unwrap_or(token.address);
        token.fee_per_chunk = self.fee_per_chunk.map_or(token.fee_per_chunk, u128::from);
        token.enabled_for_fees = self.enabled_for_fees.unwrap_or(true);
        Ok(token)
    }
}

/// Reads a decimal number of dollars.
fn micro_usd(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 6 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let micro = whole.parse::<u64>().ok()?.checked_mul(MICRO)?;
    let micro = micro.checked_add(format!("{fraction:0<6}").parse().ok()?)?;
    (micro > 0).then_some(micro)
}

impl Tokens {
    /// Reads tokens from TOML with a table `[[token]]` for each; ETH need not be among them.
    ///
    /// # Errors
    /// [`TokensError`].
    pub(crate) fn from_toml(text: &str) -> Result<Self, TokensError> {
        let file: TokenFile =
            toml::from_str(text).map_err(|error| TokensError::Toml(error.message().to_owned()))?;
        let mut tokens = file.token.into_iter().map(TokenRow::token).collect::<Result<Vec<_>, _>>()?;
        if tokens.iter().all(|token| token.id != TokenId(0)) {
            tokens.extend(Self::default().0.into_iter().take(1));
        }
        Self::new(tokens)
    }

    fn new(mut tokens: Vec<Token>) -> Result<Self, TokensError> {
        tokens.sort_by_key(|token| token.id);
        let mut seen = HashSet::new();
        for token in &tokens {
            let symbol = token.symbol.to_ascii_uppercase();
            for fact in
                [format!("id {}", token.id), format!("symbol {symbol}"), format!("address {}", token.address)]
            {
                if !seen.insert(fact.clone()) {
                    return Err(TokensError::Twice(fact));
                }
            }
        }
        Ok(Self(tokens))
    }

    /// Adds a token with an invented name for each of these ids that is unknown, since accounts
    /// that hold an unnamed token cannot be shown.
    pub(crate) fn name_unknown(&mut self, ids: impl IntoIterator<Item = TokenId>) {
        for id in ids {
            if id.0 < PROCESSABLE_TOKENS && self.by_id(id).is_none() {
                self.0.push(Token::new(id.0, &format!("TOKEN-{id}"), 18, 1));
            }
        }
        self.0.sort_by_key(|token| token.id);
    }

    /// Returns the tokens by ascending id.
    pub(crate) fn all(&self) -> &[Token] {
        &self.0
    }

    /// Returns the token with an id.
    pub(crate) fn by_id(&self, id: TokenId) -> Option<&Token> {
        self.0.binary_search_by_key(&id, |token| token.id).ok().map(|index| &self.0[index])
    }

    /// Returns the token that a request names.
    pub(crate) fn find(&self, token: &TokenLike) -> Option<&Token> {
        match token {
            TokenLike::Id(id) => self.by_id(*id),
            TokenLike::Address(address) => self.0.iter().find(|token| token.address == *address),
            TokenLike::Symbol(symbol) => {
                self.0.iter().find(|token| token.symbol.eq_ignore_ascii_case(symbol))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_default_tokens_are_found_by_id_address_and_symbol() {
        let tokens = Tokens::default();
        let decimals: Vec<_> = tokens.all().iter().map(|token| token.decimals).collect();
        assert_eq!(decimals, [18, 18, 6, 8]);
        for token in tokens.all() {
            for text in [token.id.to_string(), token.address.to_string(), token.symbol.to_lowercase()] {
                assert_eq!(tokens.find(&TokenLike::from(text.as_str())), Some(token), "{text}");
            }
        }
        for unknown in ["4", "XYZ", "65536", "0xff", ""] {
            assert_eq!(tokens.find(&TokenLike::from(unknown)), None);
        }
        assert_eq!(tokens.by_id(TokenId(0)).unwrap().address, Address::default());
    }

    #[test]
    fn a_file_of_tokens_is_read() {
        let text = r#"
            [[token]]
            id = 7
            symbol = "ABC"
            decimals = 2
            price_usd = "1500.25"
            [[token]]
            id = 1
            symbol = "DEF"
            decimals = 18
            price_usd = 3
            address = "0x1111111111111111111111111111111111111111"
            fee_per_chunk = 0
            enabled_for_fees = false
        "#;
        let tokens = Tokens::from_toml(text).unwrap();
        let ids: Vec<_> = tokens.all().iter().map(|token| token.id.0).collect();
        assert_eq!(ids, [0, 1, 7]);
        let abc = tokens.by_id(TokenId(7)).unwrap();
        assert_eq!((abc.price_usd().as_str(), abc.fee_per_chunk), ("1500.25", 1));
        let def = tokens.by_id(TokenId(1)).unwrap();
        assert_eq!((def.price_usd().as_str(), def.fee_per_chunk, def.enabled_for_fees), ("3", 0, false));
    }

    #[test]
    fn wrong_files_are_refused() {
        let row = |id: &str, symbol: &str, rest: &str| {
            format!("[[token]]\nid = {id}\nsymbol = \"{symbol}\"\ndecimals = 6\n{rest}\n")
        };
        let read = |text: &str| Tokens::from_toml(text).unwrap_err();
        assert_eq!(read(&row("1024", "A", "")), TokensError::Id(1024));
        assert_eq!(read(&row("1", "12", "")), TokensError::Symbol("12".into()));
        assert_eq!(read(&(row("1", "A", "") + &row("2", "a", ""))), TokensError::Twice("symbol A".into()));
        assert_eq!(read(&row("1", "ETH", "")), TokensError::Twice("symbol ETH".into()));
        for price in ["0", "-1", "1.0000001", "x"] {
            let error = read(&row("1", "A", &format!("price_usd = \"{price}\"")));
            assert_eq!(error, TokensError::Price(price.into()));
        }
        assert!(matches!(read("token = 1"), TokensError::Toml(_)));
        assert!(matches!(read(&row("1", "A", "colour = 1")), TokensError::Toml(_)));
    }

    #[test]
    fn unknown_tokens_get_a_name() {
        let mut tokens = Tokens::default();
        tokens.name_unknown([TokenId(9), TokenId(1), TokenId(70_000)]);
        assert_eq!(tokens.all().len(), 5);
        assert_eq!(tokens.by_id(TokenId(9)).unwrap().symbol, "TOKEN-9");
    }
}
