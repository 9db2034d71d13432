//! What a client is told when a request fails: a status, a stable code and a sentence.
//!
//! The status is chosen once, in [`ApiError::status_and_code`]. The sentence is the error's `Display`; internals stay in
//! the log.

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

/// Seconds after which a client that gets 503 may try again.
const RETRY_AFTER: &str = "5";

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No token, or not a good one.
    #[error("{0}")]
    Unauthorized(TokenError),
    /// The body is absent.
    #[error("this route needs a JSON body")]
    MissingBody,
    /// The body is not JSON, or not the JSON of this route. The cause ends with line and column.
    #[error("the body is not the JSON this route takes: {cause}")]
    BadJson {
        /// The parser's words, with line and column.
        cause: String,
    },
    /// A prover without a name could not be told from others.
    #[error("prover_name is empty")]
    EmptyProverName,
    /// A part of the path or the query is not usable.
    #[error("{0}")]
    BadParameter(String),
    /// No such route.
    #[error("there is no such route")]
    UnknownRoute,
    /// The route exists, with another method.
    #[error("the route does not take this method")]
    WrongMethod,
    /// The body is longer than the configured limit.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is compressed.
    #[error("bodies are not taken compressed; send it as it is, without Content-Encoding")]
    EncodedBody,
    /// The body is cut off or not framed as its head says.
    #[error("the body did not arrive whole")]
    BrokenBody,
    /// The body did not arrive in time.
    #[error("the request took too long to arrive")]
    RequestTimeout,
    /// What the path names is not there (yet).
    #[error("{what} does not exist")]
    NotFound {
        /// What was asked for, such as `the witness of block 7`.
        what: String,
    },
    /// No such job.
    #[error("job {job_id} does not exist")]
    UnknownJob {
        /// The job asked for.
        job_id: i32,
    },
    /// The job is held by another prover.
    #[error("job {job_id} is not held by {prover:?}")]
    WrongHolder {
        /// The job.
        job_id: i32,
        /// The prover that asked.
        prover: String,
    },
    /// The job is not being worked on by anybody.
    #[error("job {job_id} is not in progress")]
    JobNotInProgress {
        /// The job.
        job_id: i32,
    },
    /// The proof is there already. The first two words are the reference's.
    #[error("duplicate key: {what} exists already")]
    DuplicateKey {
        /// What exists, such as `the proof of block 7`.
        what: String,
    },
    /// The proof is malformed or proves something else.
    #[error("the proof is refused: {reason}")]
    ProofRefused {
        /// Why.
        reason: String,
    },
    /// The proof has the right form and is not true.
    #[error("{reason}")]
    ProofInvalid {
        /// Why.
        reason: String,
    },
    /// The block does not follow the last one.
    #[error("block {got} is out of order; the next is block {expected}")]
    BlockOutOfOrder {
        /// Number of the block that would be taken.
        expected: u32,
        /// Number of the block that came.
        got: u32,
    },
    /// What is imported differs from what is stored under the same number.
    #[error("{what} is stored already and differs; revert before you replace it")]
    Conflict {
        /// What, such as `block 7`.
        what: String,
    },
    /// It does not go together with something stored.
    #[error("{0}")]
    Overlap(String),
    /// What is imported cannot be right.
    #[error("{what} is refused: {reason}")]
    ImportRefused {
        /// What, such as `block 7`.
        what: String,
        /// Why.
        reason: String,
    },
    /// Blocks before genesis.
    #[error("no genesis is imported yet; import it first")]
    NoGenesis,
    /// The block is tried as it is.
    #[error("block {block} is not quarantined, and its job was not dropped; there is nothing to try again")]
    NotQuarantined {
        /// The block.
        block: u32,
    },
    /// A page of another site, in a browser on this machine.
    #[error("this address is not for other sites: {why}; ask for localhost or 127.0.0.1")]
    ForeignSite {
        /// How it shows.
        why: &'static str,
    },
    /// The admin listener does nothing for anybody.
    #[error("no operator token is configured; set operator_token_file and start again")]
    NoOperator,
    /// The server is stopping, starting, or has too much to do.
    #[error("the server cannot take this now; try again: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// No space is left; nothing was stored.
    #[error("no space is left for the data folder; free some, then repeat")]
    DiskFull,
    /// Too little space is left to begin something new.
    #[error(
        "space is short: {free} bytes are free for the data folder and {floor} are to stay free; free some, then repeat"
    )]
    InsufficientStorage {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are to stay free.
        floor: u64,
    },
    /// The store failed. The words are the reference's; the cause is logged only.
    #[error("storage layer error")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something that cannot happen did. The cause is logged only.
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
    /// The status and the stable code.
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
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

    /// For a body that does not parse.
    pub fn bad_json(error: &serde_json::Error) -> Self {
        Self::BadJson { cause: error.to_string() }
    }

    /// For a failure of the store.
    pub fn storage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Storage(error.into())
    }

    /// For what cannot happen.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

/// Parses the JSON body of a request.
///
/// # Errors
/// [`ApiError::MissingBody`] for no byte at all, else [`ApiError::BadJson`].
pub fn parse_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
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
    async fn an_error_is_a_status_a_code_and_a_sentence() {
        let (status, body) = answer(ApiError::BlockOutOfOrder { expected: 4, got: 9 }).await;
        assert_eq!((status.as_u16(), body.code.as_str()), (409, "block_out_of_order"));
        assert_eq!(body.message, "block 9 is out of order; the next is block 4");
        let (status, body) = answer(ApiError::DuplicateKey { what: "the proof of block 1".into() }).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(body.message.contains("duplicate key"));
    }

    #[tokio::test]
    async fn whoever_comes_at_a_bad_time_is_told_when_to_come_again() {
        let response = ApiError::Unavailable { reason: "busy".into() }.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER);
        let response = ApiError::ProofInvalid { reason: "false".into() }.into_response();
        assert!(response.headers().get(header::RETRY_AFTER).is_none());
    }

    #[tokio::test]
    async fn internals_are_not_told() {
        let (status, body) = answer(ApiError::storage("disk sda1 is on fire")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body.message, "storage layer error");
    }

    #[test]
    fn bad_json_is_told_with_line_and_column() {
        let error = parse_json::<Vec<u32>>(b"[1,\n x]").unwrap_err();
        assert!(error.to_string().contains("line 2 column 2"), "{error}");
        assert!(matches!(parse_json::<u32>(b""), Err(ApiError::MissingBody)));
    }
}
