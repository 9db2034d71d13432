//! Byte order marks, which text editors put before the content of an input file, and Git LFS
//! pointers, which replace it.

/// Returns the bytes without a leading UTF-8 byte order mark, which some editors write.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Returns true if these are the first bytes of a Git LFS pointer: what a clone without Git LFS has
/// in place of a large file.
pub(crate) fn is_git_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_byte_order_mark_is_removed() {
        assert_eq!(without_byte_order_mark(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(without_byte_order_mark(b"{}\xef\xbb\xbf"), b"{}\xef\xbb\xbf");
        assert_eq!(without_byte_order_mark(b"\xef\xbb"), b"\xef\xbb");
    }

    #[test]
    fn a_pointer_is_recognised_by_its_first_line() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert!(is_git_lfs_pointer(pointer));
        assert!(!is_git_lfs_pointer(b"{\"version\":1}") && !is_git_lfs_pointer(b""));
    }
}
