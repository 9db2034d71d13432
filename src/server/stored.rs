//! Answers made of a stored body: passed on as it is compressed, or recoded while it is sent. It is neither parsed nor held as a whole.
//!
//! A body is read in parts by tasks that may block, the next one while the last one is sent. Whoever reads slowly costs memory: a few parts
//! and, unless zstd is passed on, a decoder with a window of 256 KiB; but no thread.

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

use super::{encoding::Coding, error::ApiError};
use crate::store::{BlobReader, BlobRef, Store};

/// Bytes that are read at a time. With a quarter of it the hand-over between threads costs more than decompression.
const PART_BYTES: usize = 512 << 10;

/// JSON of which the middle is a stored body: `head ‖ body ‖ tail`.
pub struct StoredJson {
    head: Vec<u8>,
    body: BlobReader,
    tail: Vec<u8>,
}

type Reader = Box<dyn Read + Send>;

impl StoredJson {
    /// Opens and checks the body; blocks.
    ///
    /// # Errors
    /// When the body is missing or damaged.
    pub fn open(store: &Store, head: Vec<u8>, body: &BlobRef, tail: Vec<u8>) -> Result<Self, ApiError> {
        Ok(Self { head, body: store.open_blob(body)?, tail })
    }

    /// Nothing but the body, which is open already.
    pub fn whole(body: BlobReader) -> Self {
        Self { head: Vec::new(), body, tail: Vec::new() }
    }

    /// The answer for a request with these headers.
    ///
    /// # Errors
    /// When zstd cannot work.
    pub fn into_response(self, request: &HeaderMap) -> Result<Response, ApiError> {
        let Self { head, body, tail } = self;
        let raw_len = body.raw_len().saturating_add(head.len() as u64).saturating_add(tail.len() as u64);
        let coding = Coding::choose(request, raw_len);
        let (reader, length): (Reader, _) = match coding {
            Coding::Identity => {
                (around(head, body.into_decoder().map_err(ApiError::internal)?, tail), Some(raw_len))
            }
            Coding::Gzip => {
                let reader = around(head, body.into_decoder().map_err(ApiError::internal)?, tail);
                (Box::new(GzEncoder::new(reader, Compression::fast())), None)
            }
            Coding::Zstd => {
                // Frames one after the other are one stream.
                let compress = |bytes: &[u8]| zstd::bulk::compress(bytes, 1).map_err(ApiError::internal);
                let (head, tail) = (compress(&head)?, compress(&tail)?);
                let length = body.frame_len().saturating_add((head.len() + tail.len()) as u64);
                (around(head, body.into_frame(), tail), Some(length))
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

/// The answer that is whatever a reader gives, of a length that nobody knows; it is sent in chunks.
pub fn streamed(reader: impl Read + Send + 'static, content_type: &'static str) -> Response {
    let mut response = Body::from_stream(in_parts(Box::new(reader), u64::MAX)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn around(head: Vec<u8>, body: impl Read + Send + 'static, tail: Vec<u8>) -> Reader {
    Box::new(Cursor::new(head).chain(body).chain(Cursor::new(tail)))
}

/// Everything a reader gives, in parts; an error cuts the connection. Dropped, it drops the reader, at the latest when the part
/// under way is read. `most` is how many bytes there are at most.
fn in_parts(reader: Reader, most: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    // With a byte more than a short answer has, its first part shows that there is no second.
    let size = usize::try_from(most.saturating_add(1)).map_or(PART_BYTES, |most| most.min(PART_BYTES));
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
                        || error!(%error, "what is stored cannot be read, the answer is cut short"),
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

/// The next part, shorter than `size` only at the end.
fn read_part(reader: &mut Reader, size: usize) -> io::Result<Bytes> {
    // Not `read_to_end`, which asks for a few kilobytes at a time.
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

    /// Hex digits without a pattern: they compress to half.
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
        body: PreparedBlob,
    }

    impl Stored {
        fn new(content: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            let body = store.prepare_blob(BlobLabel::block(BlobKind::Witness, 1), content).unwrap();
            Self { folder, store, body }
        }

        fn open(&self) -> Result<StoredJson, ApiError> {
            StoredJson::open(&self.store, HEAD.to_vec(), self.body.body(), b"}".to_vec())
        }

        fn answer(&self, accept: &'static str) -> Response {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
            self.open().unwrap().into_response(&request).unwrap()
        }

        /// The one file of the body.
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
    async fn the_body_arrives_whole_in_every_coding() {
        for length in [0, 1, 5_000, PART_BYTES, 3 * PART_BYTES + 5] {
            let content = digits(length);
            let stored = Stored::new(&content);
            let expected = [HEAD, &content, b"}"].concat();

            let (headers, body) = whole(stored.answer("identity")).await;
            assert!(!headers.contains_key(header::CONTENT_ENCODING));
            assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
            assert!(body == expected);

            // The weights rule out that a short answer is left as it is.
            let (headers, body) = whole(stored.answer("gzip;q=0.5, zstd, identity;q=0")).await;
            assert_eq!(headers[header::CONTENT_ENCODING], "zstd");
            assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
            assert!(zstd::decode_all(&body[..]).unwrap() == expected);

            let (headers, body) = whole(stored.answer("gzip, identity;q=0")).await;
            assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
            assert!(!headers.contains_key(header::CONTENT_LENGTH));
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == expected);
        }
    }

    #[tokio::test]
    async fn damage_is_an_error_before_anything_is_sent() {
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
            let mut answer = stored.answer(accept).into_body().into_data_stream();
            answer.next().await.unwrap().unwrap();
            let mut bytes = std::fs::read(stored.file()).unwrap();
            // A literal near the end, which decompresses as well as the right one: only the checksum tells.
            let at = bytes.len() - 9_000;
            bytes[at] ^= 1;
            std::fs::write(stored.file(), bytes).unwrap();
            let rest: Vec<_> = StreamExt::collect(answer).await;
            assert!(rest.last().unwrap().is_err(), "{accept}");
            assert!(rest.iter().filter(|part| part.is_err()).count() == 1, "{accept}");
        }
    }

    /// Files of that folder that this process holds open.
    #[cfg(target_os = "linux")]
    fn open_files(folder: &Path) -> usize {
        let links = Path::new("/proc/self/fd").read_dir().unwrap().flatten();
        links.filter(|link| link.path().read_link().is_ok_and(|to| to.starts_with(folder))).count()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_answer_that_nobody_reads_on_releases_its_file() {
        let stored = Stored::new(&digits(20 * PART_BYTES));
        let blobs = stored.folder.path().join("blobs");
        let before = open_files(&blobs);
        for accept in ["identity", "gzip", "zstd"] {
            let mut answer = stored.answer(accept).into_body().into_data_stream();
            answer.next().await.unwrap().unwrap();
            assert_eq!(open_files(&blobs), before + 1, "{accept}");
            drop(answer);
            // The part under way is read by another thread.
            while open_files(&blobs) > before {
                tokio::task::yield_now().await;
            }
        }
    }
}
