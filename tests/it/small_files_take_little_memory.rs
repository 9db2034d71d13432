//! Small files that claim, or unpack to, much more than they hold are refused within a bounded
//! address space: bundles, backups, and the files of a chain folder.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::genesis;

/// The address space of a command, in KiB.
const ADDRESS_SPACE: u32 = 1_500_000;
/// The size that the hostile files unpack to.
const UNPACKED: u64 = 2 << 30;
/// Most bytes of a hostile file.
const SMALL: u64 = 1 << 20;

/// Runs the binary in a bounded address space. It must fail with a sentence, neither killed nor
/// aborted.
fn refused(args: &[&str]) -> String {
    let limited = format!("ulimit -v {ADDRESS_SPACE} && exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_witness-server")]).args(args);
    let Output { status, stderr, .. } = command.env("RAYON_NUM_THREADS", "2").output().unwrap();
    let error = String::from_utf8(stderr).unwrap();
    // 6: a bundle that does not hold.
    assert!([Some(1), Some(6)].contains(&status.code()), "{args:?}: {status}: {error}");
    assert!(error.contains("witness-server: "), "{error}");
    error
}

/// Returns a small zstd frame of `begin` and so many repetitions of `part` that it unpacks to
/// about `length` bytes, with the exact length.
fn frame(begin: &[u8], part: &[u8], length: u64) -> (Vec<u8>, u64) {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(begin).unwrap();
    let parts = part.repeat((1 << 20) / part.len());
    let times = length / parts.len() as u64;
    (0..times).for_each(|_| encoder.write_all(&parts).unwrap());
    let frame = encoder.finish().unwrap();
    assert!((frame.len() as u64) < SMALL, "{}", frame.len());
    (frame, begin.len() as u64 + times * parts.len() as u64)
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A backup whose second entry has the given lengths, with right checksums.
fn backup(raw_len: u64, frame: &[u8], frame_len: u64) -> Vec<u8> {
    let head = |kind: u8, meta: &[u8], raw_len: u64, frame_len: u64| {
        let mut head = vec![kind, 0, 0, 0];
        head.extend_from_slice(&[0; 8]);
        head.extend_from_slice(&(meta.len() as u32).to_le_bytes());
        head.extend_from_slice(&raw_len.to_le_bytes());
        head.extend_from_slice(&frame_len.to_le_bytes());
        sealed(head)
    };
    let mut file = sealed([&b"zkwsbkup"[..], &1u32.to_le_bytes()].concat());
    let about = br#"{"program":"x","at_ms":1}"#;
    for (kind, meta, raw_len, frame, frame_len) in
        [(1, &about[..], 0, &[][..], 0), (2, b"{}", raw_len, frame, frame_len)]
    {
        let entry = [&head(kind, meta, raw_len, frame_len)[..], meta, frame].concat();
        file.extend_from_slice(&entry);
        file.extend_from_slice(blake3::hash(&entry).as_bytes());
    }
    file
}

#[test]
fn a_backup_that_unpacks_to_gigabytes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (frame, length) = frame(b"", b" ", UNPACKED);
    for (name, file) in [
        ("unpacks", backup(length, &frame, frame.len() as u64)),
        ("claims its body", backup(4 << 30, &[0; 9], 9)),
        ("claims its frame", backup(9, &[0; 9], 4 << 30)),
    ] {
        let path = write(dir.path(), name, &file);
        refused(&["restore", "--check", &path]);
        let data = dir.path().join("data");
        refused(&["restore", &path, "--data-dir", data.to_str().unwrap()]);
        assert!(!data.exists());
    }
}

#[test]
fn a_bundle_that_unpacks_to_gigabytes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = |json_len: u64, frame: &[u8], frame_len: u64| {
        let mut head = 0x184d_2a5b_u32.to_le_bytes().to_vec();
        head.extend_from_slice(&64u32.to_le_bytes());
        head.extend_from_slice(b"zkwsbndl");
        head.extend_from_slice(&1u32.to_le_bytes());
        head.extend_from_slice(&json_len.to_le_bytes());
        head.extend_from_slice(&frame_len.to_le_bytes());
        head.extend_from_slice(blake3::hash(frame).as_bytes());
        [sealed(head), frame.to_vec()].concat()
    };
    let (spaces, many) = frame(b"", b" ", 500 << 20);
    // Accounts take several times the memory of their JSON.
    let (accounts, all) = frame(b"{\"before\":{\"accounts\":[", br#"{"id":1,"leaf":null},"#, 500 << 20);
    for (name, file) in [
        ("unpacks", bundle(many, &spaces, spaces.len() as u64)),
        ("accounts", bundle(all, &accounts, accounts.len() as u64)),
        ("claims its JSON", bundle(u64::MAX, &[0; 9], 9)),
        ("claims its frame", bundle(9, &[0; 9], u64::MAX)),
    ] {
        refused(&["check", "bundle", &write(dir.path(), name, &file)]);
    }
}

#[test]
fn a_chain_folder_that_unpacks_to_gigabytes_is_refused() {
    let (frame, _) = frame(b"", b" ", UNPACKED);
    for large in ["genesis.json.zst", "blocks/1.json.zst", "aggregated_operations/1.json.zst"] {
        let dir = tempfile::tempdir().unwrap();
        let chain = dir.path().join("chain");
        for (name, content) in [("genesis.json", genesis("deposit")), ("blocks/1.json", b"{}".to_vec())] {
            if large.trim_end_matches(".zst") != name {
                write(&chain, name, &content);
            }
        }
        write(&chain, large, &frame);
        let data = dir.path().join("data");
        refused(&["import", chain.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    }
}
