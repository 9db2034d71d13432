//! Accounts and their transactions.

use std::collections::HashSet;

use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::argument::AccountArgument;
use super::asked::Asked;
use super::envelope::Envelope;
use super::error::RestError;
use super::page::{Page, PageQuery};
use crate::devnet::ledger::{Ledger, TxBody, TxRecord};
use crate::devnet::tokens::TokenLike;
use crate::devnet::wire::{RestAccount, RestAccounts, TransactionView, tokens_of};
use crate::domain::{Address, H256, TokenId, ZkSyncPriorityOp};

/// Filters of the transactions of an account.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those that use this token: its id, address or symbol.
    token: Option<String>,
    /// Only those in which this account takes part, too.
    second_account: Option<String>,
}

/// Returns an account, now and at the last final block.
#[utoipa::path(get, path = "/accounts/{account_id_or_address}", tag = "accounts", params(("account_id_or_address" = String, Path)),
    responses((status = OK, body = Envelope<RestAccounts>)))]
pub(super) async fn account(asked: Asked, Path(account): Path<String>) -> Response {
    let found = asked.devnet.read(|ledger| {
        let address = AccountArgument::parse(&account)?.address(ledger)?;
        Ok(RestAccounts::of(ledger, asked.devnet.tokens(), &address))
    });
    asked.answer(found)
}

/// Returns an account after everything executed; null if it does not exist.
#[utoipa::path(get, path = "/accounts/{account_id_or_address}/committed", tag = "accounts", params(("account_id_or_address" = String, Path)),
    responses((status = OK, body = Envelope<RestAccount>)))]
pub(super) async fn committed(asked: Asked, Path(account): Path<String>) -> Response {
    let found = asked.devnet.read(|ledger| {
        let id = AccountArgument::parse(&account)?.id(ledger.committed());
        Ok(id.and_then(|id| RestAccount::of(ledger, asked.devnet.tokens(), ledger.committed(), id)))
    });
    asked.answer(found)
}

/// Returns an account after the last final block; null if it did not exist then.
#[utoipa::path(get, path = "/accounts/{account_id_or_address}/finalized", tag = "accounts", params(("account_id_or_address" = String, Path)),
    responses((status = OK, body = Envelope<RestAccount>)))]
pub(super) async fn finalized(asked: Asked, Path(account): Path<String>) -> Response {
    let found = asked.devnet.read(|ledger| {
        let id = AccountArgument::parse(&account)?.id(ledger.verified());
        Ok(id.and_then(|id| RestAccount::of(ledger, asked.devnet.tokens(), ledger.verified(), id)))
    });
    asked.answer(found)
}

/// Returns a page of the transactions of an account.
#[utoipa::path(get, path = "/accounts/{account_id_or_address}/transactions", tag = "accounts",
    params(("account_id_or_address" = String, Path), PageQuery, Filter), responses((status = OK, body = Envelope<Page<TransactionView>>)))]
pub(super) async fn transactions(
    asked: Asked,
    Path(account): Path<String>,
    Query(page): Query<PageQuery>,
    Query(filter): Query<Filter>,
) -> Response {
    let tokens = asked.devnet.tokens();
    let token = filter.token.as_deref().map(|text| match &TokenLike::from(text) {
        TokenLike::Id(id) if id.is_nft() => Ok(*id),
        like => tokens.find(like).map(|token| token.id).ok_or_else(|| RestError::token_not_found(text)),
    });
    let found = asked.devnet.read(|ledger| {
        let address = AccountArgument::parse(&account)?.address(ledger)?;
        let token = token.transpose()?;
        let second = filter.second_account.as_deref().map(AccountArgument::parse).transpose()?;
        let second = second.map(|second| second.address(ledger)).transpose()?;
        let all = ledger.txs_of(&address);
        let show = |hash: &H256| ledger.tx(hash).map(|record| TransactionView::of(ledger, record));
        if token.is_none() && second.is_none() {
            return page.by_hash(all, show);
        }
        let others: Option<HashSet<&H256>> = second.map(|second| ledger.txs_of(&second).iter().collect());
        let kept = |hash: &H256| {
            let record = ledger.tx(hash);
            record.is_some_and(|record| {
                token.is_none_or(|token| uses(ledger, record, token))
                    && others.as_ref().is_none_or(|others| is_l2(record) && others.contains(hash))
            })
        };
        let filtered: Vec<H256> = all.iter().filter(|hash| kept(hash)).copied().collect();
        page.by_hash(&filtered, show)
    });
    asked.answer(found)
}

/// Returns true if a request names a token or minted it.
fn uses(ledger: &Ledger, record: &TxRecord, token: TokenId) -> bool {
    tokens_of(record).contains(&token) || ledger.nft_of_tx(&record.hash) == Some(token)
}

fn is_l2(record: &TxRecord) -> bool {
    matches!(record.body, TxBody::L2(_))
}

/// Returns a page of the deposits to an account, and of its full exits, that are not executed yet.
#[utoipa::path(get, path = "/accounts/{account_id_or_address}/transactions/pending", tag = "accounts",
    params(("account_id_or_address" = String, Path), PageQuery), responses((status = OK, body = Envelope<Page<TransactionView>>)))]
pub(super) async fn pending(
    asked: Asked,
    Path(account): Path<String>,
    Query(page): Query<PageQuery>,
) -> Response {
    let found = asked.devnet.read(|ledger| {
        let address = AccountArgument::parse(&account)?.address(ledger)?;
        let waiting: Vec<(u64, &TxRecord)> = ledger
            .waiting_priority_ops()
            .filter_map(|record| Some((serial_id_for(ledger, record, &address)?, record)))
            .collect();
        let latest = waiting.last().map_or(0, |(serial_id, _)| *serial_id);
        page.by_number(latest, waiting.len() as u64, |range| {
            let shown = waiting.iter().filter(move |(serial_id, _)| range.contains(serial_id));
            shown.map(|(_, record)| TransactionView::of(ledger, record))
        })
    });
    asked.answer(found)
}

/// Returns the serial id of a priority operation if it concerns an address.
fn serial_id_for(ledger: &Ledger, record: &TxRecord, address: &Address) -> Option<u64> {
    let TxBody::Priority(op) = &record.body else { return None };
    let concerns = match &op.data {
        ZkSyncPriorityOp::Deposit(deposit) => deposit.to == *address || deposit.from == *address,
        ZkSyncPriorityOp::FullExit(exit) => {
            let owner = ledger.committed().by_id(exit.account_id).map(|account| account.address);
            exit.eth_address == *address || owner == Some(*address)
        }
    };
    concerns.then_some(op.serial_id)
}
