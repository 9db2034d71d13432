//! Request bodies: limits of length and time, and no content codings.

use std::time::Duration;

use axum::{
    body::Body, extract::Request, http::header::CONTENT_ENCODING, middleware::Next, response::Response,
};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::{error::Elapsed, timeout};

use crate::server::error::ApiError;

/// Longest waits while a body arrives.
#[derive(Debug, Clone, Copy)]
pub struct BodyTimeouts {
    /// Wait for the next part.
    pub part: Duration,
    /// Wait for the whole body.
    pub whole: Duration,
}

/// Most bytes that are allocated before they arrive, whatever length a request announces.
const PREALLOCATE: u64 = 1 << 20;

/// Bytes of a body that is too long that are read and discarded, so that a client that sends
/// everything before it reads gets a response instead of a broken connection.
const DISCARD_BYTES: usize = 16 << 20;

/// Longest wait for the next part of a body that is discarded.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Middleware: refuses compressed bodies. No known client sends them, and a few kilobytes could
/// decompress to gigabytes.
///
/// # Errors
/// [`ApiError::EncodedBody`].
pub(crate) async fn refuse_encoded(request: Request, next: Next) -> Result<Response, ApiError> {
    let mut codings = request.headers().get_all(CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ApiError::EncodedBody);
    }
    Ok(next.run(request).await)
}

/// Reads a body of up to `limit` bytes.
///
/// # Errors
/// [`ApiError::BodyTooLarge`], [`ApiError::BrokenBody`] or [`ApiError::RequestTimeout`].
pub(crate) async fn read(mut body: Body, limit: usize, timeouts: BodyTimeouts) -> Result<Vec<u8>, ApiError> {
    let whole = timeout(timeouts.whole, collect(&mut body, limit, timeouts.part)).await;
    let whole = whole.unwrap_or_else(|late| Err(late.into()));
    if matches!(whole, Err(ApiError::BodyTooLarge { .. })) {
        discard(body).await;
    }
    whole
}

async fn collect(body: &mut Body, limit: usize, part_timeout: Duration) -> Result<Vec<u8>, ApiError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced.min(PREALLOCATE)).unwrap_or(0));
    while let Some(frame) = timeout(part_timeout, body.frame()).await? {
        let frame = frame.map_err(|_| ApiError::BrokenBody)?;
        let Ok(part) = frame.into_data() else { continue };
        if bytes.len() + part.len() > limit {
            return Err(ApiError::BodyTooLarge { limit });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while discarded < DISCARD_BYTES
        && let Ok(Some(Ok(frame))) = timeout(DISCARD_TIMEOUT, body.frame()).await
    {
        discarded += frame.data_ref().map_or(0, |part| part.len());
    }
}

impl From<Elapsed> for ApiError {
    fn from(_: Elapsed) -> Self {
        Self::RequestTimeout
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;

    use super::*;

    const TIMEOUTS: BodyTimeouts =
        BodyTimeouts { part: Duration::from_secs(10), whole: Duration::from_secs(60) };

    async fn read(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
        super::read(body, limit, TIMEOUTS).await
    }

    fn parts(parts: &[&'static str]) -> Body {
        let parts: Vec<_> =
            parts.iter().map(|part| Ok::<_, Infallible>(Bytes::from_static(part.as_bytes()))).collect();
        Body::from_stream(futures_util::stream::iter(parts))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        assert_eq!(read(parts(&["ab", "", "cd"]), 4).await.unwrap(), b"abcd");
        assert_eq!(read(Body::empty(), 4).await.unwrap(), b"");
        for body in [parts(&["ab", "cde"]), Body::from("abcde")] {
            assert!(matches!(read(body, 4).await, Err(ApiError::BodyTooLarge { limit: 4 })));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_arriving_times_out() {
        let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
        assert!(matches!(read(body, 4).await, Err(ApiError::RequestTimeout)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_times_out() {
        let trickle = |delay| {
            let part = move |sent: usize| async move {
                tokio::time::sleep(Duration::from_secs(delay)).await;
                (sent < 10).then_some((Ok::<_, Infallible>(Bytes::from_static(b"a")), sent + 1))
            };
            Body::from_stream(futures_util::stream::unfold(0, part))
        };
        assert_eq!(read(trickle(5), 100).await.unwrap().len(), 10);
        assert!(matches!(read(trickle(9), 100).await, Err(ApiError::RequestTimeout)));
    }
}
