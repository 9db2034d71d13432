//! Test controls: sealing, finality, snapshots, time, and failures of proofs.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{ErrorBody, answer};
use super::layer_one::Done;
use super::state::{Settings, Time};
use crate::devnet::body::JsonBody;
use crate::devnet::control_error::ControlError;
use crate::devnet::devnet::Devnet;

/// The block that was sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SealedBlock {
    /// Its number; null if no operation waited to be sealed.
    block: Option<u32>,
}

/// The last block.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LastBlock {
    /// Its number.
    block: u32,
}

/// The blocks to finalise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FinalizeBody {
    /// The last of them; all sealed ones by default.
    up_to: Option<u32>,
}

/// The number of blocks to seal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MineBody {
    /// From 1 to the limit of one call; 1 by default.
    #[serde(default = "one")]
    blocks: u32,
}

/// A snapshot.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    /// Its id.
    snapshot: u64,
}

/// A change of the time; exactly one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeBody {
    /// The new time in Unix seconds.
    set: Option<u64>,
    /// Seconds to add.
    advance: Option<u64>,
}

/// A switch of automine.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AutomineBody {
    /// Whether each transaction is sealed at once.
    enabled: bool,
}

/// The number of proofs that fail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FailProofBody {
    /// 1 by default.
    #[serde(default = "one")]
    proofs: u32,
}

/// The block that the sample provers leave alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockBody {
    /// Its number; it need not exist yet.
    block: u32,
}

fn one() -> u32 {
    1
}

/// Seals the block that collects operations.
#[utoipa::path(post, path = "/blocks", tag = "devnet", responses((status = OK, body = SealedBlock), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn seal(State(devnet): State<Devnet>) -> Response {
    answer(devnet.seal_now().await.map(|block| SealedBlock { block }))
}

/// Makes sealed blocks final; returns the last one.
#[utoipa::path(post, path = "/finalize", tag = "devnet", request_body = FinalizeBody, responses((status = OK, body = LastBlock), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn finalize(
    State(devnet): State<Devnet>,
    JsonBody(body): JsonBody<FinalizeBody>,
) -> Response {
    answer(devnet.finalize(body.up_to).await.map(|block| LastBlock { block }))
}

/// Seals a number of blocks; returns the last one.
#[utoipa::path(post, path = "/mine", tag = "devnet", request_body = MineBody, responses((status = OK, body = LastBlock), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn mine(State(devnet): State<Devnet>, JsonBody(body): JsonBody<MineBody>) -> Response {
    answer(devnet.mine(body.blocks).await.map(|block| LastBlock { block }))
}

/// Remembers the present state, with the transactions that wait.
#[utoipa::path(post, path = "/snapshot", tag = "devnet", responses((status = OK, body = Snapshot), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn snapshot(State(devnet): State<Devnet>) -> Response {
    answer(devnet.snapshot().await.map(|snapshot| Snapshot { snapshot }))
}

/// Returns to a snapshot; later ones are forgotten.
#[utoipa::path(post, path = "/revert", tag = "devnet", request_body = Snapshot, responses((status = OK, body = Done), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn revert(State(devnet): State<Devnet>, JsonBody(body): JsonBody<Snapshot>) -> Response {
    answer(devnet.revert(body.snapshot).await.map(|()| Done {}))
}

/// Returns to the genesis.
#[utoipa::path(post, path = "/reset", tag = "devnet", responses((status = OK, body = Done), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn reset(State(devnet): State<Devnet>) -> Response {
    answer(devnet.reset().await.map(|()| Done {}))
}

/// Sets or advances the time, which runs on from there; returns the new time.
#[utoipa::path(post, path = "/time", tag = "devnet", request_body = TimeBody, responses((status = OK, body = Time), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn set_time(State(devnet): State<Devnet>, JsonBody(body): JsonBody<TimeBody>) -> Response {
    let changed = match body {
        TimeBody { set: Some(seconds), advance: None } => devnet.set_time(seconds).await,
        TimeBody { set: None, advance: Some(seconds) } => devnet.advance_time(seconds).await,
        _ => Err(ControlError::Invalid("give either `set` or `advance`".to_owned())),
    };
    answer(changed.map(|()| Time::of(&devnet)))
}

/// Switches automine: whether each transaction is sealed before its hash is returned.
#[utoipa::path(post, path = "/automine", tag = "devnet", request_body = AutomineBody, responses((status = OK, body = Settings), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn automine(
    State(devnet): State<Devnet>,
    JsonBody(body): JsonBody<AutomineBody>,
) -> Response {
    devnet.set_automine(body.enabled);
    answer(Ok(Settings::of(&devnet)))
}

/// Makes the next proofs of the sample provers fail.
#[utoipa::path(post, path = "/fail_next_proof", tag = "devnet", request_body = FailProofBody, responses((status = OK, body = Done), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn fail_next_proof(
    State(devnet): State<Devnet>,
    JsonBody(body): JsonBody<FailProofBody>,
) -> Response {
    devnet.fail_proofs(body.proofs);
    answer(Ok(Done {}))
}

/// Holds a block back from the sample provers.
#[utoipa::path(post, path = "/hold", tag = "devnet", request_body = BlockBody, responses((status = OK, body = Settings), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn hold(State(devnet): State<Devnet>, JsonBody(body): JsonBody<BlockBody>) -> Response {
    devnet.hold_block(body.block, true);
    answer(Ok(Settings::of(&devnet)))
}

/// Releases a block that was held back.
#[utoipa::path(post, path = "/release", tag = "devnet", request_body = BlockBody, responses((status = OK, body = Settings), (status = "default", description = "The reason of the refusal.", body = ErrorBody)))]
pub(super) async fn release(State(devnet): State<Devnet>, JsonBody(body): JsonBody<BlockBody>) -> Response {
    devnet.hold_block(body.block, false);
    answer(Ok(Settings::of(&devnet)))
}
