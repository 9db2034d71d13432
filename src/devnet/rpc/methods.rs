//! The implementation of the methods of JSON-RPC.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::error::RpcError;
use super::request::{Member, Request};
use crate::devnet::contracts;
use crate::devnet::devnet::Devnet;
use crate::devnet::fees::FeeType;
use crate::devnet::requests::FastProcessing;
use crate::devnet::tokens::TokenLike;
use crate::devnet::wire::{AccountInfo, EthOpInfo, NftInfo, RpcFee, RpcToken, TxHashArgument, TxInfo};
use crate::domain::Address;

/// Version of the contracts, as the reference names it.
const ZKSYNC_VERSION: &str = "contracts-6";

/// Returns the result of a call.
///
/// # Errors
/// The error object of the answer.
pub(super) async fn call(devnet: &Devnet, request: Request) -> Result<Value, RpcError> {
    match request {
        Request::ContractAddress => {
            Ok(json!({ "mainContract": contracts::MAIN, "govContract": contracts::GOVERNANCE }))
        }
        Request::Version => Ok(json!(ZKSYNC_VERSION)),
        Request::Confirmations => Ok(json!(0)),
        Request::Tokens => {
            let tokens = devnet.tokens().all().iter();
            let tokens = tokens.map(|token| (token.symbol.clone(), RpcToken::from(token)));
            result(tokens.collect::<BTreeMap<_, _>>())
        }
        Request::AccountInfo(address) => {
            result(devnet.read(|ledger| AccountInfo::of(ledger, devnet.tokens(), &address)))
        }
        Request::TxInfo(hash) => result(devnet.read(|ledger| TxInfo::of(ledger, &hash))),
        Request::EthOpInfo(serial_id) => result(devnet.read(|ledger| EthOpInfo::of(ledger, serial_id))),
        // Nothing is paid out on layer 1, because a devnet has none.
        Request::EthTxForWithdrawal => Ok(Value::Null),
        Request::SubmitTx(member, fast) => {
            let Member { tx, signature } = *member;
            let signatures = signature.of(&tx);
            let hash = devnet.submit(tx, signatures, FastProcessing::Argument(fast)).await?;
            Ok(json!(TxHashArgument::rpc(&hash)))
        }
        Request::SubmitBatch(members, signatures) => {
            let members = members.into_iter().map(|Member { tx, signature }| {
                let signatures = signature.of(&tx);
                (tx, signatures)
            });
            let (hashes, _) = devnet.submit_batch(members.collect(), signatures.into()).await?;
            result(hashes.iter().map(TxHashArgument::rpc).collect::<Vec<_>>())
        }
        Request::Toggle2Fa(toggle) => {
            devnet.toggle_2fa(*toggle).await?;
            Ok(json!({ "success": true }))
        }
        Request::TxFee(kind, address, token) => result(RpcFee::from(&devnet.fee(kind, &address, &token)?)),
        Request::BatchFee(kinds, addresses, token) => batch_fee(devnet, kinds, addresses, &token),
        Request::TokenPrice(token) => match devnet.tokens().find(&token) {
            Some(token) => Ok(json!(token.price_usd())),
            None => Err(RpcError::internal("Token not found in the DB".to_owned())),
        },
        Request::Nft(id) => result(devnet.read(|ledger| ledger.nft(id).map(NftInfo::from))),
        Request::NftOwner(id) => result(devnet.read(|ledger| ledger.nft_owner(id))),
        Request::NftOfTx(hash) => result(devnet.read(|ledger| ledger.nft_of_tx(&hash))),
    }
}

fn result(value: impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|error| RpcError::internal(error.to_string()))
}

fn batch_fee(
    devnet: &Devnet,
    kinds: Vec<FeeType>,
    addresses: Vec<Address>,
    token: &TokenLike,
) -> Result<Value, RpcError> {
    if kinds.len() != addresses.len() {
        let message = "Number of tx_types must be equal to the number of addresses".to_owned();
        return Err(RpcError { code: 103, message });
    }
    let members: Vec<_> = kinds.into_iter().zip(addresses).collect();
    let fee = devnet.batch_fee(&members, token)?;
    Ok(json!({ "totalFee": fee.total.to_string() }))
}
