//! Configuration and state of the network.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::envelope::Envelope;
use crate::devnet::contracts;

/// The configuration of the network.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Config)]
pub(super) struct ConfigView {
    /// `localhost`.
    network: &'static str,
    /// Address of the main contract; a devnet only shows it.
    contract: String,
    /// Address of the contract of the governance; a devnet only shows it.
    gov_contract: String,
    /// Number of Ethereum blocks after which a deposit is executed.
    deposit_confirmations: u64,
    /// Version of the contracts.
    zksync_version: &'static str,
}

/// The state of the network.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkStatus {
    /// Number of the last sealed block.
    last_committed: u32,
    /// Number of the last final block.
    finalized: u32,
    /// Number of successful transactions and priority operations.
    total_transactions: u64,
    /// Number of transactions that wait for their execution.
    mempool_size: usize,
    /// Always null: a devnet is one process.
    #[schema(value_type = Option<Object>)]
    core_status: Option<()>,
}

/// Returns the configuration of the network.
#[utoipa::path(get, path = "/config", tag = "network", responses((status = OK, body = Envelope<ConfigView>)))]
pub(super) async fn config(asked: Asked) -> Response {
    asked.answer(Ok(ConfigView {
        network: "localhost",
        contract: contracts::MAIN.to_string(),
        gov_contract: contracts::GOVERNANCE.to_string(),
        deposit_confirmations: 0,
        zksync_version: "contractV4",
    }))
}

/// Returns the state of the network.
#[utoipa::path(get, path = "/networkStatus", tag = "network", responses((status = OK, body = Envelope<NetworkStatus>)))]
pub(super) async fn network_status(asked: Asked) -> Response {
    let status = asked.devnet.read(|ledger| NetworkStatus {
        last_committed: ledger.last_sealed(),
        finalized: ledger.last_final(),
        total_transactions: ledger.total_transactions(),
        mempool_size: ledger.mempool_size(),
        core_status: None,
    });
    asked.answer(Ok(status))
}
