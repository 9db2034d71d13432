//! Requests over HTTP/1, plain or in TLS depending on the URL, with a token for each.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::Utc;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio_rustls::rustls::{self, ClientConfig};

use super::{clock_difference::ClockDifference, error::ClientError};
use crate::{
    api::{
        problems::Problem,
        tokens::{Authenticator, MintError, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID},
    },
    config::Secret,
    tls,
};

/// Longest response that is read, in bytes. The largest expected one is the data of an aggregated
/// job.
const MAX_ANSWER_BYTES: usize = 2 << 30;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle time of a connection after which the system probes the peer, so that a long wait for a
/// response ends when its server is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Credentials of a client.
#[derive(Clone)]
pub enum Credentials {
    /// A fresh token for each request, signed with this secret.
    Secret(Authenticator),
    /// The same token for each request.
    Token(String),
    /// No token; the server answers with 401.
    Anonymous,
}

impl From<&Secret> for Credentials {
    fn from(secret: &Secret) -> Self {
        Self::Secret(Authenticator::new(secret))
    }
}

/// A complete response with any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
    url: String,
    clocks: ClockDifference,
    /// True for a page of HTML, which the server never sends to a client.
    is_page: bool,
}

impl Answer {
    /// Returns the body if the status is 2xx.
    ///
    /// # Errors
    /// [`ClientError::NotTheServer`] for a page of HTML, or another status with a body that is not
    /// the server's; else [`ClientError::Unauthorized`], [`ClientError::TokenTime`] or
    /// [`ClientError::Refused`].
    pub fn success(self) -> Result<Bytes, ClientError> {
        if self.status.is_success() && !self.is_page { Ok(self.body) } else { Err(self.failure()) }
    }

    /// Returns the JSON of a body if the status is 2xx.
    ///
    /// # Errors
    /// Those of [`success`](Self::success), and [`ClientError::NotTheServer`] for other JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let (url, status) = (self.url.clone(), self.status);
        serde_json::from_slice(&self.success()?).map_err(|_| ClientError::NotTheServer { url, status })
    }

    /// Returns the error of an answer without a 2xx status.
    fn failure(self) -> ClientError {
        let Self { status, url, clocks, .. } = self;
        let Ok(problem) = serde_json::from_slice::<Problem>(&self.body) else {
            return ClientError::NotTheServer { url, status };
        };
        if matches!(problem.code.as_str(), TOKEN_EXPIRED | TOKEN_NOT_YET_VALID) {
            return ClientError::TokenTime { url, message: problem.message, clocks };
        }
        if status == StatusCode::UNAUTHORIZED {
            return ClientError::Unauthorized { url, message: problem.message };
        }
        ClientError::Refused { status, problem: Box::new(problem) }
    }
}

/// A client of one server. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    credentials: Credentials,
    timeout: Duration,
    tls: Arc<ClientConfig>,
    receive_buffer: Option<usize>,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// Returns a client of the server at `base_url`, such as `http://127.0.0.1:8088`. `timeout`
    /// bounds each request as a whole. The certificate of an `https` server must be signed by a
    /// public root.
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

    /// Returns a client like [`new`](Self::new); if `ca` is set, the certificate of an `https`
    /// server must be signed by one in that PEM file instead.
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
        let supported = matches!(uri.scheme_str(), Some("http" | "https"));
        if !supported || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(bad());
        }
        let tls = Arc::new(tls::client(ca)?);
        let http = connections(&tls, None);
        Ok(Self { base, credentials: credentials.into(), timeout, tls, receive_buffer: None, http })
    }

    /// Returns the same client with connections of its own. Clones of it share them; dropping all
    /// of these closes them.
    pub fn with_own_connections(&self) -> Self {
        Self { http: connections(&self.tls, self.receive_buffer), ..self.clone() }
    }

    /// Returns the same client with connections of its own that have a receive buffer of `bytes`,
    /// for tests of slow readers: what exceeds it waits at the server.
    pub fn with_receive_buffer(&self, bytes: usize) -> Self {
        Self { receive_buffer: Some(bytes), ..self.clone() }.with_own_connections()
    }

    /// Returns the same client with another bound for each request.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Returns the base URL without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// Sends `GET`.
    ///
    /// # Errors
    /// Fails if there is no complete response in time. No status is an error; see
    /// [`Answer::success`].
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.request(Method::GET, path, None).await
    }

    /// Sends `GET` and returns a 2xx response to be read in parts. The timeout of the client bounds
    /// the wait for the head and for each part.
    ///
    /// # Errors
    /// Those of [`get`](Self::get) and [`Answer::success`].
    pub async fn get_parts(&self, path: &str) -> Result<ResponseParts, ClientError> {
        self.parts(path, None).await
    }

    /// Sends `GET` with a message as JSON body and returns a 2xx response to be read in parts, like
    /// [`get_parts`](Self::get_parts).
    pub async fn get_parts_with_body<T: Serialize>(
        &self,
        path: &str,
        message: &T,
    ) -> Result<ResponseParts, ClientError> {
        self.parts(path, Some(encode(message)?)).await
    }

    /// Sends `GET` with a message as JSON body, as `/get_job` requires it
    /// (docs/protocol/06-server.md §5).
    pub async fn get_with_body<T: Serialize>(&self, path: &str, message: &T) -> Result<Answer, ClientError> {
        self.request(Method::GET, path, Some(encode(message)?)).await
    }

    /// Sends `POST` with a message as JSON.
    pub async fn post<T: Serialize>(&self, path: &str, message: &T) -> Result<Answer, ClientError> {
        self.request(Method::POST, path, Some(encode(message)?)).await
    }

    /// Sends `POST` with a body that is JSON already.
    pub async fn post_bytes(&self, path: &str, json: impl Into<Bytes>) -> Result<Answer, ClientError> {
        self.request(Method::POST, path, Some(json.into())).await
    }

    async fn parts(&self, path: &str, body: Option<Bytes>) -> Result<ResponseParts, ClientError> {
        let request = self.message(Method::GET, path, body)?;
        let response = self.in_time(self.send(request)).await??;
        if response.status().is_success() && !is_page(response.headers()) {
            return Ok(ResponseParts { client: self.clone(), body: response.into_body() });
        }
        Err(self.in_time(self.whole(response)).await??.failure())
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
        if let Some(token) = self.token(body.as_ref().map_or(0, Bytes::len))? {
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
        self.http.request(request).await.map_err(|error| {
            let url = self.base.clone();
            let not_http = |cause: &hyper::Error| cause.is_parse();
            if let Some(cause) = certificate_error(&error) {
                ClientError::Untrusted { url, cause }
            } else if error.source().and_then(|cause| cause.downcast_ref()).is_some_and(not_http) {
                ClientError::NotHttp { url }
            } else {
                ClientError::Unreachable { url, cause: root_cause(&error) }
            }
        })
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, ClientError> {
        let unreachable = |cause: String| ClientError::Unreachable { url: self.base.clone(), cause };
        let status = response.status();
        let clocks = ClockDifference::of(response.headers(), Utc::now());
        let is_page = is_page(response.headers());
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        Ok(Answer { status, body, url: self.base.clone(), clocks, is_page })
    }

    fn token(&self, body_bytes: usize) -> Result<Option<String>, MintError> {
        match &self.credentials {
            Credentials::Secret(authenticator) => {
                authenticator.mint_for_request(body_bytes, self.timeout).map(Some)
            }
            Credentials::Token(token) => Ok(Some(token.clone())),
            Credentials::Anonymous => Ok(None),
        }
    }
}

/// A response that is read in parts.
pub struct ResponseParts {
    client: Client,
    body: Incoming,
}

impl ResponseParts {
    /// Waits for the next part; `None` at the end of a complete response.
    ///
    /// # Errors
    /// [`ClientError::Timeout`], or [`ClientError::BrokenOff`] if the response is incomplete.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.client.in_time(self.body.frame()).await? {
            let frame = frame.map_err(|error| ClientError::BrokenOff {
                url: self.client.base.clone(),
                cause: root_cause(&error),
            })?;
            if let Ok(part) = frame.into_data() {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

fn connections(
    tls: &Arc<ClientConfig>,
    receive_buffer: Option<usize>,
) -> HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(3));
    connector.set_recv_buffer_size(receive_buffer);
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config((**tls).clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    HyperClient::builder(TokioExecutor::new()).build(connector)
}

fn is_page(head: &HeaderMap) -> bool {
    let content = head.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    content.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"text/html"))
}

fn encode<T: Serialize>(message: &T) -> Result<Bytes, ClientError> {
    Ok(serde_json::to_vec(message)?.into())
}

/// Returns the problem of the server's certificate if it made a request fail.
fn certificate_error(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(tls.clone());
        }
        // `source` of an I/O error skips the error that it wraps.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// Returns the innermost cause: the outer ones only state that the request failed.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
