//! Quotes of fees.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::envelope::Envelope;
use crate::devnet::body::JsonBody;
use crate::devnet::fees::FeeType;
use crate::devnet::tokens::TokenLike;
use crate::devnet::wire::RestFee;
use crate::domain::Address;

/// A request for the fee of a transaction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct FeeRequest {
    /// The kind of the transaction, such as `Transfer` or `{"ChangePubKey":"ECDSA"}`.
    #[schema(value_type = Object)]
    tx_type: FeeType,
    /// The recipient.
    #[schema(value_type = String)]
    address: Address,
    /// The token in which the fee is paid: its id, address or symbol.
    #[schema(value_type = String)]
    token_like: TokenLike,
}

/// A member of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeeMember {
    /// The kind of the transaction.
    #[schema(value_type = Object)]
    tx_type: FeeType,
    /// The recipient.
    #[schema(value_type = String)]
    address: Address,
}

/// A request for the fee of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct BatchFeeRequest {
    /// The transactions.
    transactions: Vec<FeeMember>,
    /// The token in which the fee is paid: its id, address or symbol.
    #[schema(value_type = String)]
    token_like: TokenLike,
}

/// Returns the fee of a transaction.
#[utoipa::path(post, path = "/fee", tag = "fees", request_body = FeeRequest, responses((status = OK, body = Envelope<RestFee>)))]
pub(super) async fn fee(asked: Asked, JsonBody(request): JsonBody<FeeRequest>) -> Response {
    let fee = asked.devnet.fee(request.tx_type, &request.address, &request.token_like);
    asked.answer(fee.map(|fee| RestFee::from(&fee)).map_err(Into::into))
}

/// Returns the fee of a batch, which one of its transactions may pay for all.
#[utoipa::path(post, path = "/fee/batch", tag = "fees", request_body = BatchFeeRequest, responses((status = OK, body = Envelope<RestFee>)))]
pub(super) async fn batch(asked: Asked, JsonBody(request): JsonBody<BatchFeeRequest>) -> Response {
    let members: Vec<_> =
        request.transactions.into_iter().map(|member| (member.tx_type, member.address)).collect();
    let fee = asked.devnet.batch_fee(&members, &request.token_like);
    asked.answer(fee.map(|fee| RestFee::from(&fee)).map_err(Into::into))
}
