//! Parsing of the body of an import.

use serde::de::Deserialize;

use super::error::ImportError;
use crate::input;

/// Parses a body, which may start with a byte order mark. `what` names the expected item and its
/// shape.
pub(super) fn parse<'a, T: Deserialize<'a>>(what: &'static str, body: &'a [u8]) -> Result<T, ImportError> {
    if input::is_git_lfs_pointer(body) {
        return Err(ImportError::GitLfsPointer { what });
    }
    serde_json::from_slice(input::without_byte_order_mark(body))
        .map_err(|source| ImportError::Json { what, source })
}
