//! Request bodies, bounded in length and time.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::{error::Elapsed, timeout};

use super::error::ApiError;

/// Longest wait for the next part of a body.
const PART_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest wait for a whole body; a large genesis over a slow line takes a while.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(600);

/// What is allocated up front, whatever length a request announces.
const PREALLOCATE: u64 = 1 << 20;

/// What is read and thrown away of a body that is too long, so that a client that sends before it reads gets its answer
/// instead of a broken connection.
const DISCARD_BYTES: usize = 16 << 20;

/// Longest wait for the next part of a body that is thrown away.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads a body of up to `limit` bytes.
pub async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let whole =
        timeout(WHOLE_TIMEOUT, collect(&mut body, limit)).await.unwrap_or_else(|late| Err(late.into()));
    if matches!(whole, Err(ApiError::BodyTooLarge { .. })) {
        discard(body).await;
    }
    whole
}

async fn collect(body: &mut Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced.min(PREALLOCATE)).unwrap_or(0));
    while let Some(frame) = timeout(PART_TIMEOUT, body.frame()).await? {
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
    async fn a_body_that_stops_arriving_is_given_up() {
        let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
        assert!(matches!(read(body, 4).await, Err(ApiError::RequestTimeout)));
    }
}
