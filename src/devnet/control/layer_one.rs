//! Requests to the stand-in for layer 1.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use utoipa::ToSchema;

use super::answer::{ErrorBody, answer};
use crate::devnet::body::JsonBody;
use crate::devnet::devnet::Devnet;
use crate::devnet::requests::{DepositRequest, FullExitRequest};
use crate::devnet::tokens::TokenLike;
use crate::domain::{AccountId, Address, Amount, Nonce, PubKeyHash};

/// A deposit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Deposit)]
pub(in crate::devnet) struct DepositBody {
    /// Address of the recipient; a new account is created for a new address.
    #[schema(value_type = String)]
    to: Address,
    /// The token: its id, address or symbol.
    #[schema(value_type = String)]
    token: TokenLike,
    /// Amount in the smallest unit, as a decimal integer in a string.
    #[schema(value_type = String, pattern = "^[0-9]+$")]
    #[serde(deserialize_with = "integer")]
    amount: Amount,
    /// Address of the sender on layer 1; `to` by default.
    #[schema(value_type = Option<String>)]
    from: Option<Address>,
}

/// Reads an amount without a fraction. The amounts of the protocol may have one, which is dropped;
/// a client that sends `1.5` means whole tokens.
fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Amount, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(D::Error::custom("expected an integer in the smallest unit of the token"));
    }
    text.parse().map_err(D::Error::custom)
}

/// A full exit: a withdrawal of the whole balance that is requested on layer 1.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = FullExit)]
pub(in crate::devnet) struct FullExitBody {
    /// Id of the account.
    #[schema(value_type = u32)]
    account_id: AccountId,
    /// The token (its id, address or symbol) or the id of an NFT.
    #[schema(value_type = String)]
    token: TokenLike,
    /// Address of the requester; that of the account by default. Another one withdraws nothing.
    #[schema(value_type = Option<String>)]
    eth_address: Option<Address>,
}

/// An authorisation of a new signing key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Authorization)]
pub(super) struct AuthorizationBody {
    /// Address of the account.
    #[schema(value_type = String)]
    account: Address,
    /// Nonce of the ChangePubKey.
    #[schema(value_type = u32)]
    nonce: Nonce,
    /// Hash of the new key.
    #[schema(value_type = String)]
    pub_key_hash: PubKeyHash,
}

/// The receipt of a request made on layer 1.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestReceipt {
    /// Number of the request in the priority queue, from 0.
    serial_id: u64,
    /// Invented hash of the Ethereum transaction.
    eth_hash: String,
    /// Hash of the priority operation.
    tx_hash: String,
    /// Invented number of the Ethereum block.
    eth_block: u64,
}

/// Nothing but success.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {}

/// Requests a deposit.
#[utoipa::path(post, path = "/deposits", tag = "devnet", request_body = DepositBody, responses((status = OK, body = RequestReceipt), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn deposit(State(devnet): State<Devnet>, JsonBody(body): JsonBody<DepositBody>) -> Response {
    let DepositBody { to, token, amount, from } = body;
    answer(devnet.deposit(DepositRequest { to, token, amount: amount.0, from }).await)
}

/// Requests a full exit.
#[utoipa::path(post, path = "/full_exits", tag = "devnet", request_body = FullExitBody, responses((status = OK, body = RequestReceipt), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn full_exit(
    State(devnet): State<Devnet>,
    JsonBody(body): JsonBody<FullExitBody>,
) -> Response {
    let FullExitBody { account_id, token, eth_address } = body;
    answer(devnet.full_exit(FullExitRequest { account_id, token, eth_address }).await)
}

/// Authorises a new signing key, so that a ChangePubKey with `Onchain` is accepted.
#[utoipa::path(post, path = "/authorizations", tag = "devnet", request_body = AuthorizationBody, responses((status = OK, body = Done), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn authorize(
    State(devnet): State<Devnet>,
    JsonBody(body): JsonBody<AuthorizationBody>,
) -> Response {
    let AuthorizationBody { account, nonce, pub_key_hash } = body;
    answer(devnet.authorize(account, nonce, pub_key_hash).await.map(|()| Done {}))
}
