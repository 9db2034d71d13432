//! Answers made of a stored body: passed on as it is compressed, or decompressed while it is sent. It is neither parsed
//! nor held as a whole.

use std::{
    io::{self, Cursor, Read},
    iter,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::error::ApiError;
use crate::store::{BodyRef, Store};

/// Bytes that are decompressed at a time.
const PART_BYTES: usize = 64 << 10;

/// JSON of which the middle is a stored body: `head ‖ body ‖ tail`.
pub struct StoredJson {
    head: Vec<u8>,
    /// One zstd frame.
    frame: Vec<u8>,
    /// Length of the frame's content in bytes.
    raw_len: u64,
    tail: Vec<u8>,
}

impl StoredJson {
    /// Reads the compressed body; blocks.
    ///
    /// # Errors
    /// When the body is missing or damaged.
    pub fn open(store: &Store, head: Vec<u8>, body: &BodyRef, tail: Vec<u8>) -> Result<Self, ApiError> {
        let body = store.open_body(body)?;
        let raw_len = body.raw_len();
        Ok(Self { head, frame: body.into_frame(), raw_len, tail })
    }

    /// The answer for a request with these headers.
    ///
    /// # Errors
    /// When zstd cannot work.
    pub fn into_response(self, request: &HeaderMap) -> Result<Response, ApiError> {
        let mut response = if accepts_zstd(request) {
            let compress = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).map_err(ApiError::internal);
            let parts = [compress(&self.head)?, self.frame, compress(&self.tail)?];
            let length = parts.iter().map(|part| part.len() as u64).sum();
            // Frames one after the other are one stream.
            let parts = parts.into_iter().map(|part| Ok::<_, io::Error>(Bytes::from(part)));
            let mut response = streamed(parts, length);
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
            response
        } else {
            let length =
                (self.head.len() as u64).saturating_add(self.raw_len).saturating_add(self.tail.len() as u64);
            let decoder = zstd::stream::read::Decoder::with_buffer(Cursor::new(self.frame));
            let body = parts(decoder.map_err(ApiError::internal)?.take(self.raw_len));
            let (head, tail) = (iter::once(Ok(self.head.into())), iter::once(Ok(self.tail.into())));
            streamed(head.chain(body).chain(tail), length)
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        Ok(response)
    }
}

fn streamed(parts: impl Iterator<Item = io::Result<Bytes>> + Send + 'static, length: u64) -> Response {
    let parts = parts.filter(|part| !part.as_ref().is_ok_and(Bytes::is_empty));
    let mut response = Body::from_stream(futures_util::stream::iter(parts)).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// Everything a reader gives, in parts; after an error, which cuts the connection, nothing.
fn parts(mut reader: impl Read) -> impl Iterator<Item = io::Result<Bytes>> {
    let mut ended = false;
    iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut part = Vec::with_capacity(PART_BYTES);
        let read = (&mut reader).take(PART_BYTES as u64).read_to_end(&mut part);
        ended = !matches!(read, Ok(count) if count > 0);
        match read {
            Ok(0) => None,
            Ok(_) => Some(Ok(part.into())),
            Err(error) => Some(Err(error)),
        }
    })
}

/// Whether the client takes zstd; it has to say so by name.
fn accepts_zstd(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut words = coding.split(';').map(str::trim);
        let named = words.next().is_some_and(|name| name.eq_ignore_ascii_case("zstd"));
        let weight = words.find_map(|word| word.strip_prefix("q="));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn answer(content: &[u8], accept: Option<&'static str>) -> (HeaderMap, Vec<u8>) {
        let stored = StoredJson {
            head: b"{\"data\":".to_vec(),
            frame: zstd::bulk::compress(content, 3).unwrap(),
            raw_len: content.len() as u64,
            tail: b"}".to_vec(),
        };
        let mut request = HeaderMap::new();
        if let Some(accept) = accept {
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
        }
        let (parts, body) = stored.into_response(&request).unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        assert_eq!(parts.headers[header::CONTENT_LENGTH], body.len().to_string());
        (parts.headers, body)
    }

    #[tokio::test]
    async fn the_body_arrives_whole_whether_compressed_or_not() {
        for length in [0, 1, PART_BYTES, 3 * PART_BYTES + 5] {
            let content: Vec<u8> = (0..length).map(|index| b'a' + (index % 23) as u8).collect();
            let expected = [&b"{\"data\":"[..], &content, b"}"].concat();
            let (headers, body) = answer(&content, None).await;
            assert!(!headers.contains_key(header::CONTENT_ENCODING));
            assert!(body == expected);
            let (headers, body) = answer(&content, Some("gzip, zstd;q=0.5")).await;
            assert_eq!(headers[header::CONTENT_ENCODING], "zstd");
            assert!(zstd::decode_all(&body[..]).unwrap() == expected);
        }
    }

    #[test]
    fn zstd_is_used_only_if_it_is_named() {
        let accepts = |value| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_zstd(&headers)
        };
        assert!(["zstd", "ZSTD", "br, zstd", "zstd; q=1.0"].into_iter().all(accepts));
        assert!(!["", "*", "gzip", "zstd;q=0", "identity;q=1, zstd;q=0.0"].into_iter().any(accepts));
        assert!(!accepts_zstd(&HeaderMap::new()));
    }
}
