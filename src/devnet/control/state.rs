//! Funded accounts, the mempool, settings of the controls.

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::answer;
use crate::devnet::devnet::Devnet;
use crate::devnet::wire::TransactionView;

/// Largest number of transactions that the mempool is shown with.
const SHOWN: usize = 100;

/// The time of the devnet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Time {
    /// In Unix seconds.
    time: u64,
}

impl Time {
    pub(super) fn of(devnet: &Devnet) -> Self {
        Self { time: devnet.now_ms() / 1000 }
    }
}

/// Settings of the controls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    /// True if each transaction is sealed at once.
    automine: bool,
    /// Blocks that the sample provers leave alone.
    held_blocks: Vec<u32>,
}

impl Settings {
    pub(super) fn of(devnet: &Devnet) -> Self {
        Self { automine: devnet.automine(), held_blocks: devnet.held_blocks() }
    }
}

/// The funded accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FundedAccounts {
    accounts: Vec<FundedAccount>,
}

/// A funded account. Its key is public if the mnemonic is the default one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FundedAccount {
    /// Its Ethereum address.
    address: String,
    /// Its Ethereum key.
    private_key: String,
}

/// The requests that wait for their execution or their sealing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mempool {
    /// Number of transactions that wait for their execution.
    size: usize,
    /// The first 100 of them, in order.
    waiting: Vec<TransactionView>,
    /// Deposits and full exits that wait for their execution; the first 100, in order.
    layer_one: Vec<TransactionView>,
    /// Number of the block that is not sealed yet.
    pending_block: u32,
    /// The last 100 transactions that it has executed or rejected, in order.
    pending: Vec<TransactionView>,
}

/// Returns the funded accounts with their keys.
#[utoipa::path(get, path = "/accounts", tag = "devnet", responses((status = OK, body = FundedAccounts)))]
pub(super) async fn accounts(State(devnet): State<Devnet>) -> Response {
    let accounts = devnet.accounts().iter().map(|account| FundedAccount {
        address: account.address.to_string(),
        private_key: format!("0x{}", hex::encode(account.private_key)),
    });
    answer(Ok(FundedAccounts { accounts: accounts.collect() }))
}

/// Returns what waits for its execution or its sealing.
#[utoipa::path(get, path = "/mempool", tag = "devnet", responses((status = OK, body = Mempool)))]
pub(super) async fn mempool(State(devnet): State<Devnet>) -> Response {
    answer(Ok(devnet.read(|ledger| {
        let pending = ledger.pending();
        let shown = pending[pending.len().saturating_sub(SHOWN)..].iter();
        Mempool {
            size: ledger.mempool_size(),
            waiting: ledger.mempool().take(SHOWN).map(|record| TransactionView::of(ledger, record)).collect(),
            layer_one: ledger
                .waiting_priority_ops()
                .take(SHOWN)
                .map(|record| TransactionView::of(ledger, record))
                .collect(),
            pending_block: ledger.last_sealed().saturating_add(1),
            pending: shown
                .filter_map(|hash| ledger.tx(hash))
                .map(|record| TransactionView::of(ledger, record))
                .collect(),
        }
    })))
}

/// Returns the time of the devnet.
#[utoipa::path(get, path = "/time", tag = "devnet", responses((status = OK, body = Time)))]
pub(super) async fn time(State(devnet): State<Devnet>) -> Response {
    answer(Ok(Time::of(&devnet)))
}

/// Returns the settings of the controls.
#[utoipa::path(get, path = "/settings", tag = "devnet", responses((status = OK, body = Settings)))]
pub(super) async fn settings(State(devnet): State<Devnet>) -> Response {
    answer(Ok(Settings::of(&devnet)))
}
