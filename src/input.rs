//! Input files: only regular ones are opened, with a bound of their length; byte order marks, which
//! text editors put before the content; Git LFS pointers, which replace it; and the bound on what a
//! compressed file may unpack to.
//!
//! Opening a named pipe waits until it has a writer, and a device may have no end. So no other
//! module opens a file that this process has not written itself.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading.
///
/// # Errors
/// [`io::ErrorKind::IsADirectory`]; [`io::ErrorKind::InvalidInput`] if it is a pipe, a device or a
/// socket.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Opening a device may have an effect, and opening a socket fails with a strange error.
    check_regular(&fs::metadata(path)?)?;
    // With this flag, a pipe that replaces the file after that check does not block.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(nonblocking).open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of up to `limit` bytes.
///
/// # Errors
/// Those of [`open`]; [`io::ErrorKind::FileTooLarge`].
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let what = format!("it is longer than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// Reads a regular file of up to `limit` bytes as text.
///
/// # Errors
/// Those of [`read`]; [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let not_utf8 = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(read(path, limit)?).map_err(not_utf8)
}

fn check_regular(found: &fs::Metadata) -> io::Result<()> {
    if found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a regular file"));
    }
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(())
}

/// Returns the bytes without a leading UTF-8 byte order mark, which some editors write.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Returns true if these are the first bytes of a Git LFS pointer: what a clone without Git LFS has
/// in place of a large file.
pub(crate) fn is_git_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// Returns a further clause for the error of a JSON parser about a number with an exponent: programs
/// that keep numbers as floating point write those above 2⁵³ in this way, with other digits.
pub(crate) fn rounded_number(parser_error: &str) -> &'static str {
    let number = parser_error.split_once("floating point `").map(|(_, number)| number);
    match number.is_some_and(|number| number.split('`').next().is_some_and(|text| text.contains(['e', 'E'])))
    {
        true => {
            "; a program that rounds numbers above 2^53, such as jq or JavaScript, has written this JSON: send the original bytes"
        }
        false => "",
    }
}

/// Largest size, in bytes, that packed content of any length may have when it is unpacked.
const MIN_UNPACKED: u64 = 64 << 20;
/// Number of bytes that one packed byte may stand for. Content of this program and of sequencers is
/// far below; zstd packs repetitions to a ten-thousandth and less.
const MAX_RATIO: u64 = 1_000;

/// Returns the largest size in bytes to which content of `packed` bytes is unpacked, at most
/// `limit`: a small file cannot take much memory.
pub(crate) fn unpacked_limit(packed: u64, limit: u64) -> u64 {
    limit.min(packed.saturating_mul(MAX_RATIO).max(MIN_UNPACKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let kind = |path: &Path| open(path).unwrap_err().kind();
        for special in [&pipe, &socket, &link, Path::new("/dev/zero")] {
            assert_eq!(kind(special), io::ErrorKind::InvalidInput, "{}", special.display());
        }
        assert_eq!(kind(folder.path()), io::ErrorKind::IsADirectory);
        assert_eq!(kind(&folder.path().join("absent")), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let link = folder.path().join("link");
        fs::write(&path, b"\xffab").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read(&link, 3).unwrap(), b"\xffab");
        assert_eq!(read(&path, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_text(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
        fs::write(&path, "text").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "text");
    }

    #[test]
    fn only_a_leading_byte_order_mark_is_removed() {
        assert_eq!(without_byte_order_mark(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(without_byte_order_mark(b"{}\xef\xbb\xbf"), b"{}\xef\xbb\xbf");
        assert_eq!(without_byte_order_mark(b"\xef\xbb"), b"\xef\xbb");
    }

    #[test]
    fn the_limit_grows_with_the_packed_size() {
        assert_eq!(unpacked_limit(0, 4 << 30), MIN_UNPACKED);
        assert_eq!(unpacked_limit(1 << 20, 4 << 30), 1_000 << 20);
        assert_eq!(unpacked_limit(u64::MAX, 4 << 30), 4 << 30);
        assert_eq!(unpacked_limit(0, 5), 5);
    }

    #[test]
    fn a_number_with_an_exponent_was_rounded_by_another_program() {
        let error = |json: &str| serde_json::from_str::<u64>(json).unwrap_err().to_string();
        assert!(rounded_number(&error("1.8446744073709552e+19")).contains("original bytes"));
        for json in ["1.5", "x", "\"1e5\""] {
            assert_eq!(rounded_number(&error(json)), "", "{json}");
        }
    }

    #[test]
    fn a_pointer_is_recognised_by_its_first_line() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert!(is_git_lfs_pointer(pointer));
        assert!(!is_git_lfs_pointer(b"{\"version\":1}") && !is_git_lfs_pointer(b""));
    }
}
