//! Responses made of a stored blob: its compressed frame is sent unmodified, or recoded while it is
//! sent. The blob is neither parsed nor held in memory as a whole.
//!
//! A blob is read in parts on blocking threads, the next part while the previous one is sent. A
//! slow client costs a few parts of memory and, unless it accepts zstd, a decoder with a window of
//! 256 KiB, but no thread.

use std::io::{self, Cursor, Read};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, read::GzEncoder};
use futures_util::{Stream, stream};
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{Span, error};

use super::content_encoding::Coding;
use crate::{
    server::error::ApiError,
    store::{BlobReader, BlobRef, Store},
};

/// Size of a part, in bytes. With a quarter of it, passing parts between threads costs more than
/// decompression.
const PART_BYTES: usize = 512 << 10;

/// JSON with a stored blob in its middle: `head ‖ blob ‖ tail`.
pub(crate) struct StoredJson {
    head: Vec<u8>,
    blob: BlobReader,
    tail: Vec<u8>,
}

type Reader = Box<dyn Read + Send>;

impl StoredJson {
    /// Opens and checks the blob; blocks.
    ///
    /// # Errors
    /// Fails if the blob is missing or damaged.
    pub(crate) fn open(
        store: &Store,
        head: Vec<u8>,
        blob: &BlobRef,
        tail: Vec<u8>,
    ) -> Result<Self, ApiError> {
        Ok(Self { head, blob: store.open_blob(blob)?, tail })
    }

    /// Returns an open blob between two parts of JSON.
    pub(crate) fn around(head: Vec<u8>, blob: BlobReader, tail: Vec<u8>) -> Self {
        Self { head, blob, tail }
    }

    /// Returns the JSON that consists of an open blob.
    pub(crate) fn whole(blob: BlobReader) -> Self {
        Self { head: Vec::new(), blob, tail: Vec::new() }
    }

    /// Returns the response to a request with these headers.
    ///
    /// # Errors
    /// Fails if zstd cannot be initialised.
    pub(crate) fn into_response(self, request: &HeaderMap) -> Result<Response, ApiError> {
        let Self { head, blob, tail } = self;
        let raw_len = blob.raw_len().saturating_add(head.len() as u64).saturating_add(tail.len() as u64);
        let coding = Coding::choose(request, raw_len);
        let (reader, length): (Reader, _) = match coding {
            Coding::Identity => {
                (around(head, blob.into_decoder().map_err(ApiError::internal)?, tail), Some(raw_len))
            }
            Coding::Gzip => {
                let reader = around(head, blob.into_decoder().map_err(ApiError::internal)?, tail);
                (Box::new(GzEncoder::new(reader, Compression::fast())), None)
            }
            Coding::Zstd => {
                // Concatenated frames are one stream.
                let compress = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).map_err(ApiError::internal);
                let (head, tail) = (compress(&head)?, compress(&tail)?);
                let length = blob.frame_len().saturating_add((head.len() + tail.len()) as u64);
                (around(head, blob.into_frame(), tail), Some(length))
            }
        };
        let mut response = Body::from_stream(in_parts(reader, length.unwrap_or(raw_len))).into_response();
        let headers = response.headers_mut();
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        if let Some(coding) = coding.header() {
            headers.insert(header::CONTENT_ENCODING, coding);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        Ok(response)
    }
}

/// Returns a response with everything that `reader` returns; its length is not known, so it is sent
/// in chunks.
pub(crate) fn streamed(reader: impl Read + Send + 'static, content_type: &'static str) -> Response {
    let mut response = Body::from_stream(in_parts(Box::new(reader), u64::MAX)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn around(head: Vec<u8>, body: impl Read + Send + 'static, tail: Vec<u8>) -> Reader {
    Box::new(Cursor::new(head).chain(body).chain(Cursor::new(tail)))
}

/// Returns everything that a reader returns, in parts; an error cuts the connection. Dropping the
/// stream drops the reader, at the latest once the part in progress is read. `max_bytes` bounds the
/// length.
fn in_parts(reader: Reader, max_bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    // One byte more than a short response has: its first part then is not full, which shows that
    // there is no second one.
    let size = usize::try_from(max_bytes.saturating_add(1)).map_or(PART_BYTES, |bytes| bytes.min(PART_BYTES));
    let span = Span::current();
    stream::unfold(Some(next(reader, size)), move |pending| {
        let span = span.clone();
        async move {
            match pending?.await.map_err(io::Error::other).flatten() {
                Ok((part, _)) if part.is_empty() => None,
                Ok((part, reader)) => {
                    let more = (part.len() == size).then(|| next(reader, size));
                    Some((Ok(part), more))
                }
                Err(error) => {
                    span.in_scope(
                        || error!(%error, "a stored blob cannot be read; the response is cut short"),
                    );
                    Some((Err(error), None))
                }
            }
        }
    })
}

fn next(mut reader: Reader, size: usize) -> JoinHandle<io::Result<(Bytes, Reader)>> {
    spawn_blocking(move || read_part(&mut reader, size).map(|part| (part, reader)))
}

/// Reads the next part, which is shorter than `size` only at the end.
fn read_part(reader: &mut Reader, size: usize) -> io::Result<Bytes> {
    // `read_to_end` would read a few kilobytes at a time.
    let mut part = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match reader.read(&mut part[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    part.truncate(filled);
    Ok(part.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::path::Path;

    use futures_util::StreamExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::store::{BlobKind, BlobLabel, PreparedBlob, StoreOptions};

    const HEAD: &[u8] = b"{\"data\":";

    /// Returns random hex digits, which compress to half their length.
    fn digits(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length / 2 + 1];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let mut digits = hex::encode(bytes).into_bytes();
        digits.truncate(length);
        digits
    }

    struct Stored {
        folder: tempfile::TempDir,
        store: Store,
        blob: PreparedBlob,
    }

    impl Stored {
        fn new(content: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            let blob = store.prepare_blob(BlobLabel::block(BlobKind::Witness, 1), content).unwrap();
            Self { folder, store, blob }
        }

        fn open(&self) -> Result<StoredJson, ApiError> {
            StoredJson::open(&self.store, HEAD.to_vec(), self.blob.blob_ref(), b"}".to_vec())
        }

        fn response(&self, accept: &'static str) -> Response {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
            self.open().unwrap().into_response(&request).unwrap()
        }

        /// Returns the file of the blob.
        fn file(&self) -> std::path::PathBuf {
            let blobs = self.folder.path().join("blobs");
            blobs.read_dir().unwrap().next().unwrap().unwrap().path()
        }
    }

    async fn whole(response: Response) -> (HeaderMap, Vec<u8>) {
        let (parts, body) = response.into_parts();
        (parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_blob_arrives_whole_in_every_coding() {
        for length in [0, 1, 5_000, PART_BYTES, 3 * PART_BYTES + 5] {
            let content = digits(length);
            let stored = Stored::new(&content);
            let expected = [HEAD, &content, b"}"].concat();

            let (headers, body) = whole(stored.response("identity")).await;
            assert!(!headers.contains_key(header::CONTENT_ENCODING));
            assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
            assert!(body == expected);

            // `identity;q=0` demands compression also of a short response.
            let (headers, body) = whole(stored.response("gzip;q=0.5, zstd, identity;q=0")).await;
            assert_eq!(headers[header::CONTENT_ENCODING], "zstd");
            assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
            assert!(zstd::decode_all(&body[..]).unwrap() == expected);

            let (headers, body) = whole(stored.response("gzip, identity;q=0")).await;
            assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
            assert!(!headers.contains_key(header::CONTENT_LENGTH));
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == expected);
        }
    }

    #[tokio::test]
    async fn damage_is_reported_before_anything_is_sent() {
        let stored = Stored::new(&digits(50_000));
        let mut bytes = std::fs::read(stored.file()).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(stored.file(), bytes).unwrap();
        assert!(stored.open().is_err());
    }

    #[tokio::test]
    async fn a_file_that_changes_while_it_is_sent_ends_in_an_error() {
        for accept in ["identity", "gzip"] {
            let stored = Stored::new(&digits(20 * PART_BYTES));
            let mut response = stored.response(accept).into_body().into_data_stream();
            response.next().await.unwrap().unwrap();
            let mut bytes = std::fs::read(stored.file()).unwrap();
            // A literal near the end still decompresses; only the checksum shows the damage.
            let at = bytes.len() - 9_000;
            bytes[at] ^= 1;
            std::fs::write(stored.file(), bytes).unwrap();
            let rest: Vec<_> = StreamExt::collect(response).await;
            assert!(rest.last().unwrap().is_err(), "{accept}");
            assert!(rest.iter().filter(|part| part.is_err()).count() == 1, "{accept}");
        }
    }

    /// Returns the number of files of `folder` that this process holds open.
    #[cfg(target_os = "linux")]
    fn open_files(folder: &Path) -> usize {
        let links = Path::new("/proc/self/fd").read_dir().unwrap().flatten();
        links.filter(|link| link.path().read_link().is_ok_and(|to| to.starts_with(folder))).count()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_response_that_is_not_read_to_its_end_releases_its_file() {
        let stored = Stored::new(&digits(20 * PART_BYTES));
        let blobs = stored.folder.path().join("blobs");
        let before = open_files(&blobs);
        for accept in ["identity", "gzip", "zstd"] {
            let mut response = stored.response(accept).into_body().into_data_stream();
            response.next().await.unwrap().unwrap();
            assert_eq!(open_files(&blobs), before + 1, "{accept}");
            drop(response);
            // Another thread may still be reading the part in progress.
            while open_files(&blobs) > before {
                tokio::task::yield_now().await;
            }
        }
    }
}
