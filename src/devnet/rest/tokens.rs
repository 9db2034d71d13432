//! Tokens and NFTs.

use axum::{
    extract::{Path, Query},
    response::Response,
};

use super::asked::Asked;
use super::envelope::Envelope;
use super::error::RestError;
use super::page::{Page, PageQuery};
use crate::devnet::tokens::{Token, TokenLike, Tokens};
use crate::devnet::wire::{NftInfo, RestToken, TokenPrice, TxHashArgument};
use crate::domain::TokenId;

fn find<'a>(tokens: &'a Tokens, text: &str) -> Result<&'a Token, RestError> {
    tokens
        .find(&TokenLike::from(text))
        .ok_or_else(|| RestError::token_not_found("Token not found in storage"))
}

/// Returns a page of the fungible tokens.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(PageQuery), responses((status = OK, body = Envelope<Page<RestToken>>)))]
pub(super) async fn tokens(asked: Asked, Query(page): Query<PageQuery>) -> Response {
    let all = asked.devnet.tokens().all();
    let latest = all.last().map_or(0, |token| token.id.0.into());
    let found = page.by_number(latest, all.len() as u64, |range| {
        all.iter().filter(move |token| range.contains(&token.id.0.into())).map(RestToken::from)
    });
    asked.answer(found)
}

/// Returns a fungible token by its id, address or symbol.
#[utoipa::path(get, path = "/tokens/{token_like}", tag = "tokens", params(("token_like" = String, Path)), responses((status = OK, body = Envelope<RestToken>)))]
pub(super) async fn token(asked: Asked, Path(token): Path<String>) -> Response {
    let found = find(asked.devnet.tokens(), &token).map(RestToken::from);
    asked.answer(found)
}

/// Returns the price of a token in US dollars (`usd`) or in another token (its id).
#[utoipa::path(get, path = "/tokens/{token_like}/priceIn/{currency}", tag = "tokens",
    params(("token_like" = String, Path), ("currency" = String, Path)), responses((status = OK, body = Envelope<TokenPrice>)))]
pub(super) async fn price(asked: Asked, Path((token, currency)): Path<(String, String)>) -> Response {
    let tokens = asked.devnet.tokens();
    let found = (|| {
        let other = match currency.as_str() {
            "usd" => None,
            id => Some(TokenId(id.parse().map_err(|_| RestError::currency())?)),
        };
        let token = find(tokens, &token)?;
        let price = match other {
            None => token.price_usd(),
            Some(id) => {
                let other = tokens.by_id(id).ok_or_else(RestError::currency_not_found)?;
                TokenPrice::ratio(token, other)
            }
        };
        Ok(TokenPrice::new(token, currency, price))
    })();
    asked.answer(found)
}

fn nft_id(id: u32) -> Result<TokenId, RestError> {
    Some(TokenId(id)).filter(|id| id.is_nft()).ok_or_else(RestError::nft_id)
}

/// Returns an NFT; null if it does not exist.
#[utoipa::path(get, path = "/tokens/nft/{id}", tag = "tokens", params(("id" = u32, Path)), responses((status = OK, body = Envelope<NftInfo>)))]
pub(super) async fn nft(asked: Asked, Path(id): Path<u32>) -> Response {
    let found = nft_id(id).map(|id| asked.devnet.read(|ledger| ledger.nft(id).map(NftInfo::from)));
    asked.answer(found)
}

/// Returns the id of the account that holds an NFT; null if none does.
#[utoipa::path(get, path = "/tokens/nft/{id}/owner", tag = "tokens", params(("id" = u32, Path)), responses((status = OK, body = Envelope<u32>)))]
pub(super) async fn nft_owner(asked: Asked, Path(id): Path<u32>) -> Response {
    let found = nft_id(id).map(|id| asked.devnet.read(|ledger| ledger.nft_owner(id)));
    asked.answer(found)
}

/// Returns the id of the NFT that a transaction minted; null if it minted none.
#[utoipa::path(get, path = "/tokens/nft_id_by_tx_hash/{tx_hash}", tag = "tokens", params(("tx_hash" = String, Path)), responses((status = OK, body = Envelope<u32>)))]
pub(super) async fn nft_of_tx(asked: Asked, Path(hash): Path<TxHashArgument>) -> Response {
    let found = asked.devnet.read(|ledger| ledger.nft_of_tx(&hash.0));
    asked.answer(Ok(found))
}
