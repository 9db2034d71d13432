//! The prover protocol (docs/protocol/06-server.md §5).

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Extensions, HeaderMap, StatusCode, header::CONNECTION},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tracing::{Instrument, Span, debug, info, info_span, warn};

use super::state::{Api, Shared, outcome_of};
use crate::{
    api::views::wire_id,
    domain::{
        ProverInputRequest, ProverInputRequestAuxData, ProverInputResponse, ProverOutputRequest,
        ProverStopped, RequiredReplicasInput, RequiredReplicasOutput, WorkingOn,
    },
    server::{
        error::{ApiError, parse_json},
        http::{
            concurrency_limit::with_current_permit,
            delivery::{self, Delivery},
            stored_json::StoredJson,
        },
    },
    store::{HeartbeatOutcome, Preference, ProverConnection, Sender},
    workers::{CheckedProof, Node, PublishRefused},
};

/// Claims a job for a prover.
pub(super) async fn get_job(
    State(api): Shared,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<Response, ApiError> {
    let body = api.read_message(body).await?;
    let ProverInputRequest { prover_name: prover, aux_data } = parse_json(&body)?;
    check_name(&prover)?;
    note(&extensions, &prover);
    let connection = lasting(&extensions, &headers);
    let node = api.node.clone();
    let job = api.blocking(move |_| {
        node.store().queue().seen(&prover);
        let claimed = node.store().queue().claim_open(&prover, preference(&aux_data), connection.as_ref())?;
        let Some((job, blob)) = claimed else { return Ok(None) };
        let (id, first, last, attempt) = (job.id, job.first, job.last, job.attempt);
        let delivery = undelivered(&node, id, job.claim, &prover);
        let _job = info_span!("job", id).entered();
        info!(first, last, attempt, ?prover, kind = job.job_type.name(), "job claimed");
        node.wake();
        let id = wire_id(id);
        let mut head =
            format!(r#"{{"job_id":{id},"first_block":{first},"last_block":{last},"data":"#).into_bytes();
        head.extend_from_slice(&job.data.prefix);
        let tail = [&job.data.suffix[..], b"}"].concat();
        Ok(Some((StoredJson::around(head, blob, tail), delivery)))
    });
    match job.await? {
        Some((job, delivery)) => {
            Ok(delivery::watched(job.into_response(&headers)?, delivery, extensions.get().cloned()))
        }
        None => Ok(Json(ProverInputResponse::no_job()).into_response()),
    }
}

/// Returns what makes a job claimable again if the answer with it does not reach its prover.
fn undelivered(node: &Arc<Node>, id: u32, claim: u64, prover: &str) -> Delivery {
    let (node, prover) = (node.clone(), prover.to_owned());
    let span = info_span!("job", id);
    Delivery::new(move || {
        let _job = span.entered();
        match node.store().queue().undelivered(id, claim) {
            Ok(true) => {
                info!(?prover, "the answer with the job did not arrive, the job can be claimed again");
                node.wake();
            }
            Ok(false) => {}
            Err(error) => warn!(?prover, %error, "a job whose answer did not arrive stays leased"),
        }
    })
}

fn preference(wishes: &ProverInputRequestAuxData) -> Preference {
    Preference {
        prefer_aggregated: wishes.prefer_aggregated_proof,
        block_size: wishes.preferred_block_size.and_then(|chunks| u32::try_from(chunks).ok()),
    }
}

/// Renews the lease of a job.
pub(super) async fn working_on(
    State(api): Shared,
    headers: HeaderMap,
    extensions: Extensions,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let body = api.read_message(body).await?;
    let WorkingOn { prover_name: prover, job_id } = parse_json(&body)?;
    check_name(&prover)?;
    note(&extensions, &prover);
    let connection = lasting(&extensions, &headers);
    let id = u32::try_from(job_id).map_err(|_| ApiError::UnknownJob { job_id })?;
    let job = info_span!("job", id);
    let queue = api.node.store().queue();
    if queue.heartbeat_at_once(connection.as_ref(), &prover, id) {
        queue.seen(&prover);
        debug!(parent: &job, ?prover, "heartbeat");
        return Ok(StatusCode::OK);
    }
    let heartbeat = api.blocking(move |node| {
        let _job = job.entered();
        node.store().queue().seen(&prover);
        match node.store().queue().heartbeat_over(connection.as_ref(), &prover, id)? {
            HeartbeatOutcome::Renewed => {
                debug!(?prover, "heartbeat");
                Ok(StatusCode::OK)
            }
            HeartbeatOutcome::NotFound => Err(ApiError::UnknownJob { job_id }),
            HeartbeatOutcome::NotHolder { .. } => Err(ApiError::WrongHolder { job_id, prover }),
            HeartbeatOutcome::NotInProgress { .. } => Err(ApiError::JobNotInProgress { job_id }),
        }
    });
    heartbeat.await
}

/// Accepts or rejects a proof.
pub(super) async fn publish(
    State(api): Shared,
    extensions: Extensions,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let body = api.read(body, api.limits.proof).await?;
    let connection = extensions.get().cloned();
    // A proof is processed to the end even if its prover disconnects while it waits for
    // verification.
    outcome_of(tokio::spawn(with_current_permit(process(api, connection, body)).in_current_span()).await)
}

async fn process(
    api: Arc<Api>,
    connection: Option<Arc<ProverConnection>>,
    body: Vec<u8>,
) -> Result<StatusCode, ApiError> {
    let checked = api.blocking(move |node| {
        let request: ProverOutputRequest = parse_json(&body)?;
        let PublisherName { prover_name: name } = parse_json(&body)?;
        let ProverOutputRequest { job_id: job, first_block, last_block, .. } = request;
        if job < 0 {
            return Err(ApiError::UnknownJob { job_id: job });
        }
        let published = Published { job, first: first_block.0, last: last_block.0 };
        let _job = published.span().entered();
        let verifier = node.verifier().map(Arc::as_ref);
        let checked =
            CheckedProof::new(node.store(), node.metrics(), verifier, request, Sender { name, connection });
        checked.map(|checked| (checked, published)).map_err(|refused| published.refused(node, refused))
    });
    let (proof, published) = checked.await?;
    let verifier = api.node.verifier().filter(|_| proof.needs_verification()).cloned();
    let permit = match &verifier {
        Some(verifier) => Some(verifier.acquire().await?),
        None => None,
    };
    let stored = api.blocking(move |node| {
        let _job = published.span().entered();
        let verified =
            verifier.map_or(Ok(()), |verifier| proof.verify(node.store(), node.metrics(), &verifier));
        // Other proofs can be verified while this one is written.
        drop(permit);
        let stored = verified.and_then(|()| proof.store(node.store(), node.metrics()));
        stored.map_err(|refused| published.refused(node, refused))?;
        node.metrics().publishes.add("stored", 1);
        info!(first = published.first, last = published.last, "proof published");
        node.wake();
        Ok(StatusCode::OK)
    });
    stored.await
}

/// The name in a published proof. Other servers know no such field, and most provers send none.
#[derive(Deserialize)]
struct PublisherName {
    #[serde(default)]
    prover_name: Option<String>,
}

/// Job and range that a published proof claims to be for.
#[derive(Clone, Copy)]
struct Published {
    job: i32,
    first: u32,
    last: u32,
}

impl Published {
    fn span(&self) -> Span {
        info_span!("job", id = self.job)
    }

    fn refused(&self, node: &Node, refused: PublishRefused) -> ApiError {
        node.metrics().publishes.add(refused.outcome(), 1);
        if refused.is_bad_proof() {
            // The job can be claimed again.
            node.wake();
        }
        // The reference's prover ignores the response: the log and the rejected proofs show the
        // reason.
        warn!(first = self.first, last = self.last, reason = %refused, "proof rejected");
        refused.into()
    }
}

/// Releases the jobs of a prover that stops.
pub(super) async fn stopped(
    State(api): Shared,
    extensions: Extensions,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let body = api.read_message(body).await?;
    let ProverStopped { prover_name: prover } = parse_json(&body)?;
    check_name(&prover)?;
    note(&extensions, &prover);
    let connection: Option<Arc<ProverConnection>> = extensions.get().cloned();
    let released = api.blocking(move |node| {
        node.store().queue().seen(&prover);
        let jobs = node.store().queue().release_over(connection.as_ref(), &prover)?;
        info!(?prover, ?jobs, "prover stopped, its jobs are idle again");
        node.wake();
        Ok(StatusCode::OK)
    });
    released.await
}

/// Returns the number of provers that a scaler should run.
pub(super) async fn replicas(
    State(api): Shared,
    body: Body,
) -> Result<Json<RequiredReplicasOutput>, ApiError> {
    let body = api.read_message(body).await?;
    let RequiredReplicasInput { current_count } = parse_json(&body)?;
    let needed = api.blocking(|node| Ok(node.needed_provers()?)).await?;
    debug!(current_count, needed, "number of provers requested by a scaler");
    Ok(Json(RequiredReplicasOutput { needed_count: u32::try_from(needed).unwrap_or(u32::MAX) }))
}

/// Returns the connection, unless it ends with this request.
fn lasting(extensions: &Extensions, headers: &HeaderMap) -> Option<Arc<ProverConnection>> {
    let connection = headers.get(CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ends = connection.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
    if ends { None } else { extensions.get().cloned() }
}

/// Remembers which prover sends messages over the connection.
fn note(extensions: &Extensions, prover: &str) {
    if let Some(connection) = extensions.get::<Arc<ProverConnection>>() {
        connection.note(prover);
    }
}

/// Refuses an empty name: provers could not be distinguished.
fn check_name(prover: &str) -> Result<(), ApiError> {
    if prover.is_empty() { Err(ApiError::EmptyProverName) } else { Ok(()) }
}
