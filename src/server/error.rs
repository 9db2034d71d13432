//! Error responses: a status, a stable code and a sentence.
//!
//! [`ApiError::status_and_code`] decides the status of every error, 507 included. The sentence is
//! the error's `Display`; internal causes are only logged.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::http::request_id;
use crate::api::{
    problems::{self, Problem},
    tokens::TokenError,
};
use crate::input;

/// Seconds after which a client that got 503 should retry.
const RETRY_AFTER: &str = "5";

/// Reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The token is missing or not valid.
    #[error("{0}")]
    Unauthorized(TokenError),
    /// The body is empty.
    #[error("this route needs a JSON body")]
    MissingBody,
    /// The body is not JSON, or not the JSON of this route.
    #[error("the body is not the JSON that this route expects: {cause}{}", input::rounded_number(cause))]
    BadJson {
        /// The parser's message, which ends with line and column.
        cause: String,
    },
    /// The prover sent no name, so it could not be distinguished from others.
    #[error("prover_name is empty; send a name that no other prover uses")]
    EmptyProverName,
    /// A parameter of the path or the query is not valid.
    #[error("{0}")]
    BadParameter(String),
    /// The route does not exist.
    #[error("no such route exists; see /api/v1/openapi.json")]
    UnknownRoute,
    /// The route exists with another method only.
    #[error("the route does not support this method")]
    WrongMethod,
    /// The body is longer than the configured limit.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is compressed.
    #[error("compressed bodies are not supported; send the body without Content-Encoding")]
    EncodedBody,
    /// The body is cut off, or its framing contradicts the head.
    #[error("the body did not arrive whole; check the connection, then repeat")]
    BrokenBody,
    /// The body did not arrive in time.
    #[error("the body took too long to arrive; check the connection, then repeat")]
    RequestTimeout,
    /// The requested item is not stored, or not yet.
    #[error("{what} does not exist")]
    NotFound {
        /// The requested item, such as `the witness of block 7`.
        what: String,
    },
    /// The job does not exist.
    #[error("job {job_id} does not exist")]
    UnknownJob {
        /// The requested job.
        job_id: i32,
    },
    /// Another prover holds the job.
    #[error("job {job_id} is not held by {prover:?}")]
    WrongHolder {
        /// The job.
        job_id: i32,
        /// The prover that sent the request.
        prover: String,
    },
    /// No prover holds the job.
    #[error("job {job_id} is not in progress")]
    JobNotInProgress {
        /// The job.
        job_id: i32,
    },
    /// The proof is stored already. The reference's message starts with the same two words.
    #[error("duplicate key: {what} is stored already")]
    DuplicateKey {
        /// The stored item, such as `the proof of block 7`.
        what: String,
    },
    /// The proof is malformed or proves something else.
    #[error("the proof is rejected: {reason}")]
    ProofRefused {
        /// The reason.
        reason: String,
    },
    /// The proof is well-formed, but false.
    #[error("{reason}")]
    ProofInvalid {
        /// The reason.
        reason: String,
    },
    /// The block does not follow the last imported one.
    #[error("block {got} is out of order; the next is block {expected}")]
    BlockOutOfOrder {
        /// Number of the next block.
        expected: u32,
        /// Number of the block in the request.
        got: u32,
    },
    /// The imported item differs from the stored one with the same number.
    #[error("{what} is stored already and differs; revert before replacing it")]
    Conflict {
        /// The item, such as `block 7`.
        what: String,
    },
    /// The imported operation overlaps with a stored one.
    #[error("{0}")]
    Overlap(String),
    /// The imported operation leaves a gap after the stored ones of its action.
    #[error("{0}")]
    OperationOutOfOrder(String),
    /// The imported item is inconsistent.
    #[error("{what} is refused: {reason}")]
    ImportRefused {
        /// The item, such as `block 7`.
        what: String,
        /// The reason.
        reason: String,
    },
    /// A block was sent before the genesis.
    #[error("no genesis is imported yet; import it first")]
    NoGenesis,
    /// The block needs no retry.
    #[error("block {block} is not quarantined, and its job was not dropped; nothing needs a retry")]
    NotQuarantined {
        /// The block.
        block: u32,
    },
    /// The request comes from a page of another site.
    #[error("requests of other sites are refused: {why}; use localhost or 127.0.0.1")]
    ForeignSite {
        /// The header that shows it, as a clause.
        why: &'static str,
    },
    /// The admin listener has no operator token, so no request may change anything.
    #[error("no operator token is configured; set operator_token_file and restart the server")]
    NoOperator,
    /// The server is stopping or overloaded.
    #[error("the server cannot process this request now: {reason}; try again")]
    Unavailable {
        /// The reason.
        reason: String,
    },
    /// The disk is full; nothing was stored.
    #[error("the disk of the data folder is full; free some space, then repeat")]
    DiskFull,
    /// Free space is below the floor, so nothing new is started.
    #[error(
        "insufficient storage: {free} bytes are free for the data folder and {floor} are to stay free; free some space, then repeat"
    )]
    InsufficientStorage {
        /// Free bytes.
        free: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
    /// The store failed. The message is the reference's; the cause is only logged.
    #[error("storage layer error")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A bug. The cause is only logged.
    #[error("internal error; see the server's log")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn problem(status: StatusCode, code: &str, detail: String) -> Problem {
    Problem {
        r#type: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        message: detail.clone(),
        detail,
        code: code.to_owned(),
        request_id: request_id::current(),
    }
}

impl ApiError {
    /// Returns the status and the stable code.
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized(error) => (StatusCode::UNAUTHORIZED, error.code()),
            Self::MissingBody => (StatusCode::BAD_REQUEST, "missing_body"),
            Self::BadJson { .. } => (StatusCode::BAD_REQUEST, "bad_json"),
            Self::EmptyProverName => (StatusCode::BAD_REQUEST, "empty_prover_name"),
            Self::BadParameter(_) => (StatusCode::BAD_REQUEST, "bad_parameter"),
            Self::UnknownRoute => (StatusCode::NOT_FOUND, "unknown_route"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "wrong_method"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::EncodedBody => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body"),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "broken_body"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            Self::UnknownJob { .. } => (StatusCode::NOT_FOUND, "unknown_job"),
            Self::WrongHolder { .. } => (StatusCode::CONFLICT, "wrong_holder"),
            Self::JobNotInProgress { .. } => (StatusCode::CONFLICT, "job_not_in_progress"),
            Self::DuplicateKey { .. } => (StatusCode::CONFLICT, "duplicate_key"),
            Self::ProofRefused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "proof_refused"),
            Self::ProofInvalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "proof_invalid"),
            Self::BlockOutOfOrder { .. } => (StatusCode::CONFLICT, "block_out_of_order"),
            Self::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            Self::Overlap(_) => (StatusCode::CONFLICT, "overlap"),
            Self::OperationOutOfOrder(_) => (StatusCode::CONFLICT, "operation_out_of_order"),
            Self::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            Self::InsufficientStorage { .. } => (StatusCode::INSUFFICIENT_STORAGE, "low_space"),
            Self::ImportRefused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "import_refused"),
            Self::NotQuarantined { .. } => (StatusCode::CONFLICT, "not_quarantined"),
            Self::NoOperator => (StatusCode::FORBIDDEN, "no_operator"),
            Self::ForeignSite { .. } => (StatusCode::FORBIDDEN, "foreign_site"),
            Self::NoGenesis => (StatusCode::CONFLICT, "no_genesis"),
            Self::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Storage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "storage"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Returns the error of a body that does not parse.
    pub fn bad_json(error: &serde_json::Error) -> Self {
        Self::BadJson { cause: error.to_string() }
    }

    /// Returns the error of a failed store.
    pub fn storage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Storage(error.into())
    }

    /// Returns the error of a bug.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

/// Parses the JSON body of a request.
///
/// # Errors
/// [`ApiError::MissingBody`] if it is empty, else [`ApiError::BadJson`].
pub(crate) fn parse_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Err(ApiError::MissingBody);
    }
    serde_json::from_slice(body).map_err(|error| ApiError::bad_json(&error))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if let Self::Storage(cause) | Self::Internal(cause) = &self {
            tracing::error!(code, cause = cause.as_ref() as &dyn std::error::Error, "request failed");
        }
        let mut response = (status, Json(problem(status, code, self.to_string()))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(problems::CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn answer(error: ApiError) -> (StatusCode, Problem) {
        let response = error.into_response();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn an_error_has_a_status_a_code_and_a_sentence() {
        let (status, body) = answer(ApiError::BlockOutOfOrder { expected: 4, got: 9 }).await;
        assert_eq!((status.as_u16(), body.code.as_str()), (409, "block_out_of_order"));
        assert_eq!(body.message, "block 9 is out of order; the next is block 4");
        let (status, body) = answer(ApiError::DuplicateKey { what: "the proof of block 1".into() }).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(body.message.contains("duplicate key"));
    }

    #[tokio::test]
    async fn a_503_tells_when_to_retry() {
        let response = ApiError::Unavailable { reason: "busy".into() }.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER);
        let response = ApiError::ProofInvalid { reason: "false".into() }.into_response();
        assert!(response.headers().get(header::RETRY_AFTER).is_none());
    }

    #[tokio::test]
    async fn internal_causes_are_not_sent() {
        let (status, body) = answer(ApiError::storage("disk sda1 is on fire")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body.message, "storage layer error");
    }

    #[test]
    fn bad_json_is_reported_with_line_and_column() {
        let error = parse_json::<Vec<u32>>(b"[1,\n x]").unwrap_err();
        assert!(error.to_string().contains("line 2 column 2"), "{error}");
        assert!(matches!(parse_json::<u32>(b""), Err(ApiError::MissingBody)));
    }
}
