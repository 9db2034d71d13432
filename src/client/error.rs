//! Errors of requests.

use std::time::Duration;

use hyper::StatusCode;
use tokio_rustls::rustls;

use super::clock_difference::ClockDifference;
use crate::{
    api::{problems::Problem, tokens::MintError},
    tls::TlsError,
};

/// Error of a request: it got no response, or one that reports a failure.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be used.
    #[error("{0} is not a usable server URL; write one such as http://127.0.0.1:8088")]
    BadUrl(String),
    /// No server answers at the URL, or the connection broke.
    #[error("cannot reach the server at {url}: {cause}; check that it runs and that the URL is right")]
    Unreachable {
        /// The base URL.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// What answers is not HTTP.
    #[error("{url} does not answer in HTTP; if the server has a certificate, its URL begins with https://")]
    NotHttp {
        /// The base URL.
        url: String,
    },
    /// The certificate of the server is not trusted.
    #[error(
        "the certificate of {url} is not trusted: {cause}; check the URL and the certificate, or set tls_ca to the file of its root"
    )]
    Untrusted {
        /// The base URL.
        url: String,
        /// The cause.
        cause: rustls::Error,
    },
    /// The trusted certificates cannot be read.
    #[error(transparent)]
    Roots(#[from] TlsError),
    /// The response did not arrive in time.
    #[error("the server at {url} did not answer within {}; check its log", humantime::format_duration(*after))]
    Timeout {
        /// The base URL.
        url: String,
        /// The time waited.
        after: Duration,
    },
    /// The response began and did not arrive whole.
    #[error("the response of the server at {url} broke off: {cause}; check its log, then repeat")]
    BrokenOff {
        /// The base URL.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// The server refused the token.
    #[error(
        "the server at {url} refuses the token: {message}; configure the server's secret with API_PROVER_SECRET_AUTH or secret_file"
    )]
    Unauthorized {
        /// The base URL.
        url: String,
        /// The server's message.
        message: String,
    },
    /// The server found the token expired or not yet valid.
    #[error("the server at {url} refuses the token: {message}; {clocks}")]
    TokenTime {
        /// The base URL.
        url: String,
        /// The server's message.
        message: String,
        /// The clocks of server and client at the answer.
        clocks: ClockDifference,
    },
    /// Something other than the server answered, such as a proxy in front of it.
    #[error("{url} answered {status}, but not as the server does: {}", foreign_answer(*.status))]
    NotTheServer {
        /// The base URL.
        url: String,
        /// The status.
        status: StatusCode,
    },
    /// The server answered with an error.
    #[error("the server answered {status}: {}", problem.message)]
    Refused {
        /// The status.
        status: StatusCode,
        /// Code and message, as far as the server sent them.
        problem: Box<Problem>,
    },
    /// The token could not be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The message could not be written as JSON.
    #[error("the request could not be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

impl ClientError {
    /// Returns true if the server may only be starting: it is not reached yet, or a proxy does not
    /// reach it.
    pub fn may_be_starting(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::NotTheServer { status, .. } | Self::Refused { status, .. } => is_unavailable(*status),
            _ => false,
        }
    }
}

/// Returns true for the statuses with which a proxy reports that it got no answer.
fn is_unavailable(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// Returns the likely reason of an answer that is not the server's.
fn foreign_answer(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            "a proxy in front of it refuses bodies of this length; raise its limit (client_max_body_size of nginx)"
        }
        StatusCode::REQUEST_TIMEOUT => "a proxy in front of it gave the request up; raise its timeouts",
        status if is_unavailable(status) => {
            "a proxy in front of it got no answer from the server; check that the server runs, and the timeouts of the proxy"
        }
        _ => "a proxy or another program answered; check the URL",
    }
}
