//! Chain folders that are read, and those that are refused.

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::TempDir;

use super::folder::{MAX_BLOCK_BYTES, MAX_GENESIS_BYTES, MAX_OPERATION_BYTES};
use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn refused(files: &[(&str, &[u8])]) -> ChainFolderError {
    ChainFolder::open(folder(files).path()).unwrap_err()
}

const G: (&str, &[u8]) = ("genesis.json", b"{}");

#[test]
fn reads_plain_and_compressed_files_in_order() {
    let zst = zstd::encode_all(&b"{\"n\":9}"[..], 3).unwrap();
    let gz = gzip(b"{\"n\":10}");
    let folder = folder(&[
        ("genesis.json.gz", &gzip(b"{}")),
        ("meta.json", b"ignored"),
        ("blocks/000010.json.gz", &gz),
        ("blocks/000009.json.zst", &zst),
        ("blocks/11.json", b"{\"n\":11}"),
        ("blocks/.hidden", b""),
        ("aggregated_operations/10_execute.json", b"10"),
        ("aggregated_operations/2_commit.json", b"2"),
    ]);
    let chain = ChainFolder::open(folder.path()).unwrap();
    assert_eq!(chain.genesis().read().unwrap(), b"{}");
    for (block, number) in chain.blocks().iter().zip([9, 10, 11]) {
        assert_eq!(block.number, number);
        assert_eq!(block.file.read().unwrap(), format!("{{\"n\":{number}}}").into_bytes());
    }
    let operations = chain.aggregated_operations().iter().map(|file| file.read().unwrap());
    assert_eq!(operations.collect::<Vec<_>>(), [b"2".to_vec(), b"10".to_vec()]);
}

#[test]
fn missing_parts_gaps_duplicates_and_unexpected_names_are_errors() {
    assert!(matches!(ChainFolder::open(Path::new("not-there")), Err(ChainFolderError::Missing(_))));
    assert!(matches!(refused(&[("blocks/1.json", b"1")]), ChainFolderError::Missing(_)));
    assert!(matches!(refused(&[G]), ChainFolderError::Missing(_)));
    assert!(matches!(refused(&[G, ("blocks/.x", b"")]), ChainFolderError::NoBlocks(_)));
    let gap = refused(&[G, ("blocks/1.json", b"1"), ("blocks/4.json", b"1")]);
    assert!(gap.to_string().starts_with("block 2 is missing"), "{gap}");
    let double = refused(&[G, ("blocks/1.json", b"1"), ("blocks/000001.json.gz", b"1")]);
    assert!(matches!(double, ChainFolderError::Duplicate { .. }));
    let double = refused(&[G, ("genesis.json.gz", b"1"), ("blocks/1.json", b"1")]);
    assert!(matches!(double, ChainFolderError::Duplicate { .. }));
    for name in ["blocks/1.json.part", "blocks/one.json", "blocks/0.json", "blocks/+1.json"] {
        assert!(matches!(refused(&[G, (name, b"1")]), ChainFolderError::UnexpectedName(_)), "{name}");
    }
}

#[test]
fn a_file_that_unpacks_beyond_its_limit_is_refused() {
    let long: Vec<u8> = format!("[{}1]", "1,".repeat(1 << 20)).into_bytes();
    let (gz, zst) = (gzip(&long), zstd::encode_all(&long[..], 3).unwrap());
    for (name, packed) in [("1.json", &long), ("1.json.gz", &gz), ("1.json.zst", &zst)] {
        assert_eq!(read_as(name, packed, long.len() as u64).unwrap(), long);
        let error = read_as(name, packed, long.len() as u64 - 1).unwrap_err();
        assert!(
            matches!(error, ChainFolderError::TooLong { limit, .. } if limit < long.len() as u64),
            "{name}"
        );
    }
    assert!(gz.len() < long.len() / 100 && zst.len() < long.len() / 100);
    let folder = folder(&[G, ("blocks/1.json", b"1"), ("aggregated_operations/1.json", b"1")]);
    let chain = ChainFolder::open(folder.path()).unwrap();
    assert_eq!(chain.genesis().limit, MAX_GENESIS_BYTES);
    assert_eq!(chain.blocks()[0].file.limit, MAX_BLOCK_BYTES);
    assert_eq!(chain.aggregated_operations()[0].limit, MAX_OPERATION_BYTES);
}

#[test]
fn incomplete_and_damaged_files_are_told_apart() {
    let long: Vec<u8> = format!("[{}1]", "123456789,".repeat(5000)).into_bytes();
    let (gz, zst) = (gzip(&long), zstd::encode_all(&long[..], 3).unwrap());
    let read = |name: &str, bytes: &[u8]| {
        let folder = folder(&[G, (name, bytes)]);
        let chain = ChainFolder::open(folder.path()).unwrap();
        chain.blocks()[0].file.read()
    };
    assert_eq!(read("blocks/1.json.gz", &gz).unwrap(), long);
    for (name, bytes) in [
        ("blocks/1.json", &b""[..]),
        ("blocks/1.json", &long[..1000]),
        ("blocks/1.json.gz", &gz[..gz.len() / 2]),
        ("blocks/1.json.zst", &zst[..zst.len() / 2]),
        ("blocks/1.json.zst", &b""[..]),
        ("blocks/1.json.gz", &b""[..]),
    ] {
        let error = read(name, bytes).unwrap_err();
        assert!(matches!(error, ChainFolderError::Incomplete { .. }), "{name}: {error}");
    }
    for (name, bytes) in [
        ("blocks/1.json", &b"{]"[..]),
        ("blocks/1.json.gz", b"no gzip at all"),
        ("blocks/1.json.zst", b"no zstd"),
    ] {
        let error = read(name, bytes).unwrap_err();
        assert!(matches!(error, ChainFolderError::Damaged { .. }), "{name}: {error}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let json = b"{\"n\":1}";
    let marked = [b"\xef\xbb\xbf", &json[..]].concat();
    for (name, content) in [
        ("1.json", marked.clone()),
        ("1.json.gz", gzip(&marked)),
        ("1.json.zst", zstd::encode_all(&marked[..], 3).unwrap()),
    ] {
        assert_eq!(read_as(name, &content, 100).unwrap(), json, "{name}");
    }
    let error = read_as("1.json", b"\xef\xbb\xbf", 100).unwrap_err();
    assert!(matches!(error, ChainFolderError::Incomplete { .. }), "{error}");
}

#[test]
fn a_git_lfs_pointer_is_answered_with_the_command_to_run() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
    for name in ["blocks/1.json", "blocks/1.json.gz", "blocks/1.json.zst"] {
        let folder = folder(&[G, (name, pointer)]);
        let chain = ChainFolder::open(folder.path()).unwrap();
        let error = chain.blocks()[0].file.read().unwrap_err();
        assert!(matches!(error, ChainFolderError::GitLfsPointer(_)), "{name}: {error}");
        assert!(error.to_string().contains("git lfs pull"), "{error}");
    }
}
