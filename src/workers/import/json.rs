//! Parsing of the body of an import.

use serde::de::Deserialize;

use super::error::ImportError;
use crate::input;

/// Parses a body, which may start with a byte order mark. `what` names the expected item and its
/// shape.
pub(super) fn parse<'a, T: Deserialize<'a>>(what: &'static str, body: &'a [u8]) -> Result<T, ImportError> {
    if input::is_git_lfs_pointer(body) {
        return Err(ImportError::GitLfsPointer);
    }
    serde_json::from_slice(input::without_byte_order_mark(body))
        .map_err(|source| ImportError::Json { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_skipped_and_a_git_lfs_pointer_is_recognised() {
        assert_eq!(parse::<u32>("number", b"\xef\xbb\xbf7").unwrap(), 7);
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert!(matches!(parse::<u32>("number", pointer), Err(ImportError::GitLfsPointer)));
    }
}
