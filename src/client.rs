//! A small HTTP client for this server: mints a token per request, gives status and bytes.
//!
//! Used by the client commands, the demo and the sample prover. HTTP/1, plain or in TLS, as the URL says.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Serialize;
use tokio_rustls::rustls;

use crate::{
    api::{
        problems::Problem,
        tokens::{Authenticator, CLIENT_SUBJECT, MintError, REQUEST_TTL},
    },
    config::Secret,
    tls::{self, TlsError},
};

/// Longest answer that is read, in bytes. The largest expected one is the job data of an aggregated job.
const MAX_ANSWER_BYTES: usize = 2 << 30;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence on a connection after which the system asks whether the other side is still there, so that a long wait for an answer
/// ends when its server is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How the client proves that it may ask.
#[derive(Clone)]
pub enum Credentials {
    /// A fresh token for each request, signed with this secret.
    Secret(Authenticator),
    /// This token every time.
    Token(String),
    /// None; the server answers 401.
    Anonymous,
}

impl From<&Secret> for Credentials {
    fn from(secret: &Secret) -> Self {
        Self::Secret(Authenticator::new(secret))
    }
}

/// A request that did not get an answer, or not the one hoped for. Each message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be used.
    #[error("{0} is not a usable server URL; write one such as http://127.0.0.1:8088")]
    BadUrl(String),
    /// Nobody answers there, or the connection broke.
    #[error("cannot reach the server at {url}: {cause}; check that it runs and that the URL is right")]
    Unreachable {
        /// The base URL.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The server cannot prove who it is.
    #[error(
        "the certificate of {url} is not trusted: {cause}; check the URL and the certificate, or set tls_ca to the file of its root"
    )]
    Untrusted {
        /// The base URL.
        url: String,
        /// What is wrong with it.
        cause: rustls::Error,
    },
    /// The roots to trust cannot be read.
    #[error(transparent)]
    Roots(#[from] TlsError),
    /// No complete answer in time.
    #[error("the server at {url} did not answer within {}; check its log", humantime::format_duration(*after))]
    Timeout {
        /// The base URL.
        url: String,
        /// The time waited.
        after: Duration,
    },
    /// The answer began and did not arrive whole.
    #[error("the answer of the server at {url} broke off: {cause}; its log may say why; ask again")]
    BrokenOff {
        /// The base URL.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The token was not accepted.
    #[error(
        "the server at {url} refuses the token: {message}; set API_PROVER_SECRET_AUTH to the server's secret"
    )]
    Unauthorized {
        /// The base URL.
        url: String,
        /// The server's words.
        message: String,
    },
    /// The server answered with an error.
    #[error("the server answered {status}: {}", body.message)]
    Refused {
        /// The status.
        status: StatusCode,
        /// Code and sentence, as far as the server gave them.
        body: Box<Problem>,
    },
    /// No token could be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// A message could not be written as JSON.
    #[error("the request could not be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
    url: String,
}

impl Answer {
    /// The body of a 2xx answer.
    ///
    /// # Errors
    /// [`ClientError::Unauthorized`] or [`ClientError::Refused`] for any other status.
    pub fn success(self) -> Result<Bytes, ClientError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let body = serde_json::from_slice(&self.body).unwrap_or_else(|_| Problem {
            code: String::new(),
            message: String::from_utf8_lossy(&self.body).chars().take(200).collect(),
            ..Problem::default()
        });
        if self.status == StatusCode::UNAUTHORIZED {
            return Err(ClientError::Unauthorized { url: self.url, message: body.message });
        }
        Err(ClientError::Refused { status: self.status, body: Box::new(body) })
    }
}

/// A client of one server. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    credentials: Credentials,
    timeout: Duration,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// For the server at `base_url`, such as `http://127.0.0.1:8088`; `timeout` bounds each request as a whole. With `https` the
    /// server's certificate must go back to a public root.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`].
    pub fn new(
        base_url: &str,
        credentials: impl Into<Credentials>,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        Self::trusting(None, base_url, credentials, timeout)
    }

    /// As [`new`](Self::new), but with `https` the server's certificate must go back to one of the file `ca`, in PEM form, if that is given.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], [`ClientError::Roots`].
    pub fn trusting(
        ca: Option<&Path>,
        base_url: &str,
        credentials: impl Into<Credentials>,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let base = base_url.trim_end_matches('/').to_owned();
        let bad = || ClientError::BadUrl(base_url.to_owned());
        let uri: Uri = base.parse().map_err(|_| bad())?;
        let spoken = matches!(uri.scheme_str(), Some("http" | "https"));
        if !spoken || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(bad());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_keepalive_interval(Some(KEEPALIVE));
        connector.set_keepalive_retries(Some(3));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client(ca)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = HyperClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base, credentials: credentials.into(), timeout, http })
    }

    /// The same client with another bound for each request.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The base URL, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// `GET`.
    ///
    /// # Errors
    /// [`ClientError`], but no status is an error here; see [`Answer::success`]. Same for the other methods.
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.request(Method::GET, path, None).await
    }

    /// `GET` of an answer of any length: each part is handed to `take` as it comes, until that says `false`. The bound of the
    /// client is one for the head, and for each part.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Answer::success`]; an answer that is not whole is
    /// [`ClientError::BrokenOff`].
    pub async fn get_parts(
        &self,
        path: &str,
        mut take: impl AsyncFnMut(Bytes) -> bool,
    ) -> Result<(), ClientError> {
        let request = self.message(Method::GET, path, None)?;
        let response = self.in_time(self.send(request)).await??;
        if !response.status().is_success() {
            return self.in_time(self.whole(response)).await??.success().map(drop);
        }
        let mut body = response.into_body();
        while let Some(frame) = self.in_time(body.frame()).await? {
            let frame = frame.map_err(|error| ClientError::BrokenOff {
                url: self.base.clone(),
                cause: root_cause(&error),
            })?;
            if let Ok(part) = frame.into_data()
                && !take(part).await
            {
                break;
            }
        }
        Ok(())
    }

    /// `GET` with a JSON body, as `/get_job` has it (spec 06 §5).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_with_body<T: Serialize>(&self, path: &str, message: &T) -> Result<Answer, ClientError> {
        self.request(Method::GET, path, Some(encode(message)?)).await
    }

    /// `POST` of a message as JSON.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post<T: Serialize>(&self, path: &str, message: &T) -> Result<Answer, ClientError> {
        self.request(Method::POST, path, Some(encode(message)?)).await
    }

    /// `POST` of a body that is JSON already.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_bytes(&self, path: &str, json: impl Into<Bytes>) -> Result<Answer, ClientError> {
        self.request(Method::POST, path, Some(json.into())).await
    }

    async fn request(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Answer, ClientError> {
        let request = self.message(method, path, body)?;
        self.in_time(self.exchange(request)).await?
    }

    fn message(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = self.token()? {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|_| ClientError::BadUrl(format!("{}{path}", self.base)))
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, ClientError> {
        let late = |_| ClientError::Timeout { url: self.base.clone(), after: self.timeout };
        tokio::time::timeout(self.timeout, work).await.map_err(late)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        self.whole(self.send(request).await?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        self.http.request(request).await.map_err(|error| match distrust(&error) {
            Some(cause) => ClientError::Untrusted { url: self.base.clone(), cause },
            None => ClientError::Unreachable { url: self.base.clone(), cause: root_cause(&error) },
        })
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, ClientError> {
        let unreachable = |cause: String| ClientError::Unreachable { url: self.base.clone(), cause };
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        Ok(Answer { status, body, url: self.base.clone() })
    }

    fn token(&self) -> Result<Option<String>, MintError> {
        match &self.credentials {
            Credentials::Secret(authenticator) => authenticator.mint(CLIENT_SUBJECT, REQUEST_TTL).map(Some),
            Credentials::Token(token) => Ok(Some(token.clone())),
            Credentials::Anonymous => Ok(None),
        }
    }
}

fn encode<T: Serialize>(message: &T) -> Result<Bytes, ClientError> {
    Ok(serde_json::to_vec(message)?.into())
}

/// What is wrong with the server's certificate, if that is why a request failed.
fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(tls.clone());
        }
        // An I/O error gives the source of the one it wraps as its own.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause =
            wrapped.map(|wrapped| wrapped as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    None
}

/// The innermost cause: the outer ones only say that the request failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
