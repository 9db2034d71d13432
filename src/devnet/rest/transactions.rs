//! Submission of transactions, and what became of them.

use axum::{extract::Path, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::asked::Asked;
use super::envelope::Envelope;
use crate::devnet::body::JsonBody;
use crate::devnet::requests::{FastProcessing, Toggle2Fa};
use crate::devnet::wire::{BatchSignatures, BatchView, Receipt, TxData, TxHashArgument, TxSignatures};
use crate::domain::ZkSyncTx;

/// A transaction to submit.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::devnet) struct ToSubmit {
    /// The signed transaction.
    #[schema(value_type = Object)]
    tx: ZkSyncTx,
    /// Its Ethereum signature: null, one, or the three of a swap.
    #[serde(default)]
    #[schema(value_type = Object)]
    signature: TxSignatures,
}

/// A batch to submit.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::devnet) struct ToSubmitBatch {
    /// Its transactions, in order.
    txs: Vec<ToSubmit>,
    /// The Ethereum signatures of the batch: null, one, or a list.
    #[serde(default)]
    #[schema(value_type = Object)]
    signature: BatchSignatures,
}

/// The hashes of a submitted batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubmittedBatch {
    /// Hashes of its transactions, in order.
    transaction_hashes: Vec<String>,
    /// Hash of the batch.
    batch_hash: String,
}

/// A switch of two-factor authentication.
#[derive(ToSchema)]
#[schema(as = Toggle2FA, rename_all = "camelCase")]
#[allow(dead_code, reason = "describes the body, which the devnet reads")]
struct Toggle2FaSchema {
    /// Whether transactions need an Ethereum signature.
    enable: bool,
    /// Time of the request in Unix milliseconds; at most 40 minutes from now.
    timestamp: u64,
    /// Id of the account.
    account_id: u32,
    /// Ethereum signature of the owner.
    #[schema(value_type = Object)]
    signature: (),
    /// The only key that needs no Ethereum signature.
    pub_key_hash: Option<String>,
}

/// Submits a transaction; returns its hash once it is stored.
#[utoipa::path(post, path = "/transactions", tag = "transactions", request_body = ToSubmit, responses((status = OK, body = Envelope<String>)))]
pub(super) async fn submit(asked: Asked, JsonBody(request): JsonBody<ToSubmit>) -> Response {
    let ToSubmit { tx, signature } = request;
    let signatures = signature.of(&tx);
    let hash = asked.devnet.submit(tx, signatures, FastProcessing::InTransaction).await;
    asked.answer(hash.map(|hash| hash.to_string()).map_err(Into::into))
}

/// Submits a batch, whose transactions succeed or fail together; returns their hashes once it is
/// stored.
#[utoipa::path(post, path = "/transactions/batches", tag = "transactions", request_body = ToSubmitBatch, responses((status = OK, body = Envelope<SubmittedBatch>)))]
pub(super) async fn submit_batch(asked: Asked, JsonBody(request): JsonBody<ToSubmitBatch>) -> Response {
    let members = request.txs.into_iter().map(|ToSubmit { tx, signature }| {
        let signatures = signature.of(&tx);
        (tx, signatures)
    });
    let submitted = asked.devnet.submit_batch(members.collect(), request.signature.into()).await;
    let submitted = submitted.map(|(hashes, batch)| SubmittedBatch {
        transaction_hashes: hashes.iter().map(ToString::to_string).collect(),
        batch_hash: batch.to_string(),
    });
    asked.answer(submitted.map_err(Into::into))
}

/// Switches two-factor authentication of an account.
#[utoipa::path(post, path = "/transactions/toggle2FA", tag = "transactions", request_body = Toggle2FaSchema, responses((status = OK, body = Envelope<Object>)))]
pub(super) async fn toggle_2fa(asked: Asked, JsonBody(request): JsonBody<Toggle2Fa>) -> Response {
    let toggled = asked.devnet.toggle_2fa(request).await;
    asked.answer(toggled.map(|()| json!({ "success": true })).map_err(Into::into))
}

/// Returns the receipt of a transaction, or of a priority operation by the hash of its Ethereum
/// transaction; null if it is unknown.
#[utoipa::path(get, path = "/transactions/{tx_hash}", tag = "transactions", params(("tx_hash" = String, Path)), responses((status = OK, body = Envelope<Receipt>)))]
pub(super) async fn receipt(asked: Asked, Path(hash): Path<TxHashArgument>) -> Response {
    let found = asked.devnet.read(|ledger| ledger.tx(&hash.0).map(|record| Receipt::of(ledger, record)));
    asked.answer(Ok(found))
}

/// Returns a transaction with its Ethereum signature; null if it is unknown.
#[utoipa::path(get, path = "/transactions/{tx_hash}/data", tag = "transactions", params(("tx_hash" = String, Path)), responses((status = OK, body = Envelope<TxData>)))]
pub(super) async fn data(asked: Asked, Path(hash): Path<TxHashArgument>) -> Response {
    let found = asked.devnet.read(|ledger| ledger.tx(&hash.0).map(|record| TxData::of(ledger, record)));
    asked.answer(Ok(found))
}

/// Returns a batch; null if it is unknown.
#[utoipa::path(get, path = "/transactions/batches/{batch_hash}", tag = "transactions", params(("batch_hash" = String, Path)), responses((status = OK, body = Envelope<BatchView>)))]
pub(super) async fn batch(asked: Asked, Path(hash): Path<TxHashArgument>) -> Response {
    let found = asked.devnet.read(|ledger| ledger.batch(&hash.0).map(|batch| BatchView::of(ledger, batch)));
    asked.answer(Ok(found))
}
