//! Layer 1 of a demo chain: records proven ranges as published and executed, without any Ethereum
//! node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::paths;
use crate::cli::error::CliError;
use crate::client::Client;
use crate::domain::AggregatedAction;
use crate::domain::{AggregatedOperation, AggregatedProof};
use crate::store::{Store, StoreError};

/// Interval of checks for new aggregated proofs.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Imports the operations that publish and execute every range with an aggregated proof, in order,
/// until it is stopped.
pub(crate) async fn confirm_proven(
    client: Client,
    store: Arc<Store>,
    stopped: watch::Receiver<bool>,
) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    while !*stopped.borrow() {
        match proven_range(&store).map_err(|error| failed(&error))? {
            None => tokio::time::sleep(POLL_INTERVAL).await,
            Some((operation, proof)) => {
                let operation = serde_json::from_slice(&operation).map_err(|error| failed(&error))?;
                let AggregatedOperation::CreateProofBlocks { blocks, .. } = operation else { continue };
                let proof: AggregatedProof =
                    serde_json::from_slice(&proof).map_err(|error| failed(&error))?;
                let proof = proof.encode().map_err(|error| failed(&error))?;
                let publish =
                    AggregatedOperation::PublishProofBlocksOnchain { blocks: blocks.clone(), proof };
                let execute = AggregatedOperation::ExecuteBlocks { blocks };
                for operation in [publish, execute] {
                    client.post(paths::AGGREGATED_OPERATIONS, &operation).await?.success()?;
                }
            }
        }
    }
    Ok(())
}

/// An operation and its aggregated proof, as JSON.
type ProvenRange = (Vec<u8>, Vec<u8>);

/// Returns the next range to execute, if its proof is stored.
fn proven_range(store: &Store) -> Result<Option<ProvenRange>, StoreError> {
    let next = store.chain().last_verified_block()?.saturating_add(1);
    let Some(operation) =
        store.chain().aggregated_operation_covering(AggregatedAction::CreateProofBlocks, next)?
    else {
        return Ok(None);
    };
    let Some(proof) = store.queue().aggregated_proof(operation.first, operation.last)? else {
        return Ok(None);
    };
    Ok(Some((store.read_blob(&operation.blob)?, proof)))
}
