//! Sealed blocks and their transactions.

use axum::{
    extract::{Path, Query},
    response::Response,
};

use super::argument::block_number;
use super::asked::Asked;
use super::envelope::Envelope;
use super::page::{Page, PageQuery};
use crate::devnet::ledger::Ledger;
use crate::devnet::wire::{BlockInfo, TransactionView, TxData};
use crate::domain::H256;

/// Returns a page of the sealed blocks.
#[utoipa::path(get, path = "/blocks", tag = "blocks", params(PageQuery), responses((status = OK, body = Envelope<Page<BlockInfo>>)))]
pub(super) async fn blocks(asked: Asked, Query(page): Query<PageQuery>) -> Response {
    let found = asked.devnet.read(|ledger| {
        let last = ledger.last_sealed();
        page.by_number(last.into(), last.into(), |range| {
            let bound = |number: &u64| u32::try_from(*number).unwrap_or(u32::MAX);
            let numbers = bound(range.start()).max(1)..=bound(range.end()).min(last);
            numbers.filter_map(|number| ledger.block(number)).map(BlockInfo::from)
        })
    });
    asked.answer(found)
}

/// Returns a sealed block; null if it does not exist.
#[utoipa::path(get, path = "/blocks/{block_position}", tag = "blocks", params(("block_position" = String, Path)), responses((status = OK, body = Envelope<BlockInfo>)))]
pub(super) async fn block(asked: Asked, Path(position): Path<String>) -> Response {
    let found = asked.devnet.read(|ledger| {
        let number = block_number(ledger, &position)?;
        Ok(ledger.block(number).map(BlockInfo::from))
    });
    asked.answer(found)
}

/// Returns a page of the transactions of a block.
#[utoipa::path(get, path = "/blocks/{block_position}/transactions", tag = "blocks", params(("block_position" = String, Path), PageQuery),
    responses((status = OK, body = Envelope<Page<TransactionView>>)))]
pub(super) async fn transactions(
    asked: Asked,
    Path(position): Path<String>,
    Query(page): Query<PageQuery>,
) -> Response {
    let found = asked.devnet.read(|ledger| {
        let number = block_number(ledger, &position)?;
        page.by_hash(transactions_of(ledger, number), |hash| {
            ledger.tx(hash).map(|record| TransactionView::of(ledger, record))
        })
    });
    asked.answer(found)
}

/// Returns the successful transaction of a block with an index; null if it does not exist.
#[utoipa::path(get, path = "/blocks/{block_position}/transactions/{block_index}", tag = "blocks",
    params(("block_position" = u32, Path), ("block_index" = u32, Path)), responses((status = OK, body = Envelope<TxData>)))]
pub(super) async fn transaction(asked: Asked, Path((number, index)): Path<(u32, u32)>) -> Response {
    let found = asked.devnet.read(|ledger| {
        let mut records = transactions_of(ledger, number).iter().filter_map(|hash| ledger.tx(hash));
        let record = records.find(|record| record.block_index == Some(index));
        record.map(|record| TxData::of(ledger, record))
    });
    asked.answer(Ok(found))
}

/// Returns the transactions of a block, also of the one that is not sealed yet.
fn transactions_of(ledger: &Ledger, number: u32) -> &[H256] {
    match ledger.block(number) {
        Some(block) => &block.transactions,
        None if number == ledger.last_sealed().saturating_add(1) => ledger.pending(),
        None => &[],
    }
}
