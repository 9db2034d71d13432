use std::cell::RefCell;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::entry::{FORMAT, Head, file_head};
use super::*;
use crate::store::{BlobKind, BlobLabel, FolderLock, ImportedProof, Store, StoreError, StoreOptions};
use crate::testing::Chain;
use crate::workers::RebuildReport;
use crate::workers::testing::{Sample, empty};

fn taken(store: &Arc<Store>) -> Vec<u8> {
    let mut bytes = Vec::new();
    BackupSource::new(store.read_view().unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn entries(backup: &[u8]) -> Result<Vec<Entry>, BackupError> {
    let mut entries = Vec::new();
    verify(backup, |_, entry| entries.push(entry.clone()))?;
    Ok(entries)
}

/// Every entry with its meta and the hash of its body, without the times of operations, which are
/// those of their import.
fn content(backup: &[u8]) -> Vec<(Kind, u32, u32, String, blake3::Hash)> {
    let shown = |entry: Entry| {
        let meta = match entry.kind {
            Kind::AggregatedOperation => String::new(),
            _ => entry.meta::<serde_json::Value>().unwrap().to_string(),
        };
        (entry.kind, entry.first, entry.last, meta, blake3::hash(&entry.body))
    };
    entries(backup).unwrap().into_iter().map(shown).collect()
}

fn open(dir: &Path) -> Result<Arc<Store>, StoreError> {
    Store::open(dir, StoreOptions::default()).map(Arc::new)
}

fn restored(backup: &[u8], dir: &Path) -> Result<Restored, RestoreError> {
    restore(backup, dir, &open, false, &|_, _, _| {})
}

fn names(dir: &Path) -> Vec<String> {
    let entries = dir.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A store with two blocks, an operation and proofs.
fn small() -> (TempDir, Arc<Store>) {
    let (sample, (dir, store)) = (Sample::read(), empty());
    let mut rebuild = sample.rebuild(&store, 2);
    assert!(rebuild.aggregated_operation(1, 2, &sample.create_proof(1, 2)).unwrap());
    for block in [1, 2] {
        assert!(rebuild.proof(&sample.proof(block, "ada")).unwrap());
    }
    assert!(rebuild.aggregated_proof(&sample.aggregated_proof(1, 2, "bob")).unwrap());
    rebuild.finish().unwrap();
    (dir, store)
}

/// Builds a backup from arbitrary entries: kind, flags, block, meta, body.
fn by_hand(format: u32, entries: &[(u8, u8, u32, &str, &[u8])]) -> Vec<u8> {
    let mut file = file_head(format);
    let mut counts = Counts::default();
    let put = |file: &mut Vec<u8>, kind, flags, block, meta: &str, body: &[u8]| {
        let frame = if body.is_empty() { Vec::new() } else { zstd::bulk::compress(body, 1).unwrap() };
        let head = Head {
            kind,
            flags,
            first: block,
            last: block,
            meta_len: meta.len() as u32,
            raw_len: body.len() as u64,
            frame_len: frame.len() as u64,
        };
        let bytes = [head.to_bytes(), meta.into(), frame].concat();
        file.extend_from_slice(&bytes);
        let hash = if kind == Kind::End as u8 { blake3::hash(file) } else { blake3::hash(&bytes) };
        file.extend_from_slice(hash.as_bytes());
    };
    for &(kind, flags, block, meta, body) in entries {
        put(&mut file, kind, flags, block, meta, body);
        counts.add(Kind::of(kind));
    }
    let counts = serde_json::to_string(&counts).unwrap();
    put(&mut file, Kind::End as u8, 0, 0, &counts, b"");
    file
}

const ABOUT: (u8, u8, u32, &str, &[u8]) = (1, 0, 0, r#"{"program":"a later one","at_ms":5,"new":[]}"#, b"");

#[test]
fn a_restored_store_gives_the_same_backup() {
    let (_dir, store) = small();
    let backup = taken(&store);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    for dir in ["empty", "absent", "far/below"].map(|name| dir.path().join(name)) {
        let restored = restored(&backup, &dir).unwrap();
        assert_eq!((restored.about.head, restored.counts.entries), (2, 8));
        let expected = RebuildReport {
            genesis: true,
            blocks: 2,
            aggregated_operations: 1,
            proofs: 2,
            aggregated_proofs: 1,
            ..RebuildReport::default()
        };
        assert_eq!(restored.report, expected);
        assert_eq!(names(&dir), ["LOCK", "blobs", "index", "journal"]);
        let copy = open(&dir).unwrap();
        assert_eq!(copy.check_everything().unwrap(), Vec::<String>::new());
        assert_eq!(content(&taken(&copy)), content(&backup));
    }
}

#[test]
fn every_flipped_byte_and_every_truncation_is_an_error() {
    let (sample, (_dir, store)) = (Sample::read(), empty());
    // Few entries, since every byte costs a verification of the whole file.
    let mut rebuild = sample.rebuild(&store, 1);
    assert!(rebuild.proof(&sample.proof(1, "ada")).unwrap());
    assert!(rebuild.aggregated_proof(&sample.aggregated_proof(1, 1, "bob")).unwrap());
    let backup = taken(&store);
    assert_eq!(entries(&backup).unwrap().len(), 4);
    for at in 0..backup.len() {
        let mut bad = backup.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(verify(&bad[..], |_, _| {}).is_err(), "byte {at}");
        let short = verify(&backup[..at], |_, _| {}).unwrap_err();
        assert!(
            matches!(short, BackupError::CutShort { .. })
                || (at < 16 && matches!(short, BackupError::NotABackup)),
            "{at} bytes: {short}"
        );
    }
    let longer = [&backup[..], &[0]].concat();
    assert!(matches!(verify(&longer[..], |_, _| {}), Err(BackupError::Damaged { .. })));
}

#[test]
fn a_missing_or_moved_entry_is_an_error() {
    let whole = by_hand(FORMAT, &[ABOUT, (3, 0, 1, "{}", b"a"), (3, 0, 2, "{}", b"b")]);
    let begin = by_hand(FORMAT, &[ABOUT]).len() - by_hand(FORMAT, &[]).len() + 16;
    let length = by_hand(FORMAT, &[(3, 0, 1, "{}", b"a")]).len() - by_hand(FORMAT, &[]).len();
    verify(&whole[..], |_, _| {}).unwrap();
    let one = whole[begin..begin + length].to_vec();
    let (before, behind) = (whole[..begin].to_vec(), whole[begin + length..].to_vec());
    for bad in [
        [before.clone(), behind.clone()].concat(),
        [before.clone(), one.clone(), one.clone(), behind.clone()].concat(),
        [before, behind[..length].to_vec(), one, behind[length..].to_vec()].concat(),
    ] {
        let error = verify(&bad[..], |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("a hash"), "{error}");
    }
}

#[test]
fn entries_of_later_versions_are_skipped_if_their_flag_permits_it() {
    let read = |entries: &[_]| {
        let mut seen = Vec::new();
        verify(&by_hand(FORMAT, entries)[..], |about, entry| {
            seen.push((about.at_ms, entry.kind, entry.body.clone()))
        })
        .map(|_| seen)
    };
    let block = (3u8, 0u8, 1u32, r#"{"unheard_of":1}"#, &b"a block"[..]);
    let seen = read(&[ABOUT, (77, 1, 0, "not even JSON", b"x"), block]).unwrap();
    assert_eq!(seen, [(5, Kind::Block, b"a block".to_vec())]);
    let error = read(&[ABOUT, (77, 0, 0, "{}", b"x"), block]).unwrap_err();
    assert!(matches!(error, BackupError::UnknownKind { kind: 77 }), "{error}");
    let error = read(&[ABOUT, (3, 2, 1, "{}", b"x")]).unwrap_err();
    assert!(matches!(error, BackupError::UnknownKind { kind: 3 }), "{error}");
    let error = read(&[block]).unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    let error = verify(&by_hand(FORMAT + 1, &[ABOUT])[..], |_, _| {}).unwrap_err();
    assert!(matches!(error, BackupError::LaterFormat { found: 2, known: 1 }), "{error}");
    let error = verify(&by_hand(0, &[ABOUT])[..], |_, _| {}).unwrap_err();
    assert!(matches!(error, BackupError::NotABackup), "{error}");
}

#[test]
fn an_invalid_item_ends_the_restore_or_is_omitted() {
    let sample = Sample::read();
    let backup_with = |proof: &[u8]| {
        let meta = r#"{"prover":null,"stored_at_ms":1}"#;
        let genesis = (2, 0, 0, "{}", sample.genesis.as_slice());
        by_hand(FORMAT, &[ABOUT, genesis, (3, 0, 1, "{}", &sample.blocks[0]), (5, 0, 1, meta, proof)])
    };
    let (good, wrong) = (backup_with(&sample.proof(1, "").json), backup_with(&sample.proof(2, "").json));
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("data");
    let error = restored(&wrong, &place).unwrap_err();
    let RestoreError::Invalid(omitted) = error else { panic!("{error}") };
    assert_eq!(omitted.item, BlobLabel::block(BlobKind::SingleProof, 1));
    assert_eq!(names(&place), ["LOCK"]);
    assert_eq!(restored(&good, &place).unwrap().report.proofs, 1);
    let place = dir.path().join("other");
    let Restored { report, .. } = restore(&wrong[..], &place, &open, true, &|_, _, _| {}).unwrap();
    assert_eq!((report.blocks, report.proofs, report.omitted.len()), (1, 0, 1));
    open(&place).unwrap();
}

/// More blocks than a batch has, and an invalid one in the second batch, before an entry that cannot
/// be read.
#[test]
fn items_are_stored_in_order_across_batches_and_the_first_fault_is_reported() {
    const INVALID: usize = 66;
    let mut chain = Chain::with_accounts(4, 2);
    let genesis = serde_json::to_vec(&chain.genesis()).unwrap();
    let mut blocks: Vec<Vec<u8>> =
        (0..70).map(|_| serde_json::to_vec(&chain.next_block_of(2, 1)).unwrap()).collect();
    let backup_of = |blocks: &[Vec<u8>], more: &[(u8, u8, u32, &'static str, &'static [u8])]| {
        let blocks = (1..).zip(blocks).map(|(number, body)| (3, 0, number, "{}", &body[..]));
        let entries = [ABOUT, (2, 0, 0, "{}", &genesis)].into_iter().chain(blocks);
        by_hand(FORMAT, &entries.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let whole = backup_of(&blocks, &[]);
    blocks[INVALID - 1] = b"{".to_vec();
    let wrong = backup_of(&blocks, &[]);
    let unreadable = backup_of(&blocks, &[(5, 0, 1, r#"{"prover":7}"#, b"{}")]);

    let dir = tempfile::tempdir().unwrap();
    let seen = RefCell::new(Vec::new());
    let progress = |what, done, _| {
        if what == "blocks" {
            seen.borrow_mut().push(done);
        }
    };
    let Restored { report, .. } =
        restore(&whole[..], &dir.path().join("whole"), &open, false, &progress).unwrap();
    assert_eq!((report.blocks, report.omitted.len()), (70, 0));
    assert_eq!(*seen.borrow(), (1..=70).collect::<Vec<u64>>());

    for backup in [&wrong, &unreadable] {
        let error = restored(backup, &dir.path().join("refused")).unwrap_err();
        let RestoreError::Invalid(omitted) = error else { panic!("{error}") };
        assert_eq!(omitted.item, BlobLabel::block(BlobKind::Block, INVALID as u32));
    }
    let Restored { report, .. } =
        restore(&wrong[..], &dir.path().join("kept"), &open, true, &progress).unwrap();
    assert_eq!((report.blocks as usize, report.omitted.len()), (INVALID - 1, 70 - INVALID + 1));
    let error = restore(&unreadable[..], &dir.path().join("unreadable"), &open, true, &progress).unwrap_err();
    assert!(matches!(error, RestoreError::Backup(BackupError::Damaged { .. })), "{error}");
}

#[test]
fn only_a_missing_or_empty_folder_is_accepted_and_a_failed_restore_leaves_it_empty() {
    let (_dir, store) = small();
    let backup = taken(&store);
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path();
    let occupied = || matches!(restored(&backup, place), Err(RestoreError::Occupied { .. }));
    std::fs::write(place.join("a file"), "x").unwrap();
    assert!(occupied());
    assert_eq!(names(place), ["a file"]);
    std::fs::remove_file(place.join("a file")).unwrap();
    // Blobs are the remains of a restore only next to its own folder.
    std::fs::create_dir(place.join("blobs")).unwrap();
    assert!(occupied());
    std::fs::create_dir(place.join("restoring")).unwrap();
    let cut = restored(&backup[..backup.len() - 1], place);
    assert!(matches!(cut, Err(RestoreError::Backup(BackupError::CutShort { .. }))), "{cut:?}");
    assert_eq!(names(place), ["LOCK"]);
    let held = FolderLock::take(place).unwrap();
    assert!(matches!(restored(&backup, place), Err(RestoreError::Store(StoreError::Locked { .. }))));
    drop(held);
    // The state of a restore that was killed after its blobs had moved.
    std::fs::create_dir_all(place.join("restoring/index")).unwrap();
    std::fs::create_dir(place.join("blobs")).unwrap();
    std::fs::write(place.join("blobs/of another"), "x").unwrap();
    restored(&backup, place).unwrap();
    assert!(!place.join("blobs/of another").exists());
    assert!(occupied());
    assert_eq!(open(place).unwrap().check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_revert_during_a_backup_ends_it() {
    let (_dir, store) = small();
    let mut source = BackupSource::new(store.read_view().unwrap());
    source.read_exact(&mut [0; 100]).unwrap();
    store.revert(1).unwrap();
    let error = source.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("was reverted"), "{error}");
    assert!(source.read(&mut [0; 10]).is_err(), "an error is not the end");
    let error = error.downcast::<StoreError>().unwrap();
    assert!(matches!(error, StoreError::ReadViewEnded));
}

#[test]
fn the_size_of_the_read_buffer_does_not_matter() {
    let (_dir, store) = small();
    let (whole, mut source) = (taken(&store), BackupSource::new(store.read_view().unwrap()));
    let (mut bytes, mut part) = (Vec::new(), [0; 7]);
    loop {
        let read = source.read(&mut part).unwrap();
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&part[..read]);
    }
    assert_eq!(bytes.len(), whole.len());
    assert_eq!(content(&bytes), content(&whole));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_store_is_restored(
        blocks in 0u32..=4,
        proofs in proptest::collection::btree_map(1u32..=4, (proptest::option::of(".{0,40}"), any::<u64>()), 0..4),
        operations in proptest::sample::subsequence(vec![(1u32, 1u32), (2, 3), (4, 4)], 0..=3),
    ) {
        let (sample, (_dir, store)) = (Sample::read(), empty());
        let mut rebuild = sample.rebuild(&store, blocks);
        for &(first, last) in operations.iter().filter(|operation| operation.1 <= blocks) {
            prop_assert!(rebuild.aggregated_operation(first, last, &sample.create_proof(first, last)).unwrap());
        }
        for (block, (prover, stored_at_ms)) in proofs.into_iter().filter(|(block, _)| *block <= blocks) {
            let proof = ImportedProof { prover, stored_at_ms, ..sample.proof(block, "") };
            prop_assert!(rebuild.proof(&proof).unwrap());
        }
        for &(first, last) in operations.iter().filter(|operation| operation.1 <= blocks) {
            prop_assert!(rebuild.aggregated_proof(&sample.aggregated_proof(first, last, "é")).unwrap());
        }
        rebuild.finish().unwrap();
        let backup = taken(&store);
        let dir = tempfile::tempdir().unwrap();
        restored(&backup, dir.path()).unwrap();
        let copy = open(dir.path()).unwrap();
        prop_assert_eq!(copy.check_everything().unwrap(), Vec::<String>::new());
        prop_assert_eq!(content(&taken(&copy)), content(&backup));
        prop_assert_eq!(copy.chain().genesis().unwrap(), store.chain().genesis().unwrap());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..200) {
        prop_assert!(entries(&bytes).is_err());
        // The bytes also follow a valid start, or valid headers.
        let good = by_hand(FORMAT, &[ABOUT]);
        let start = &good[..at.min(good.len() - 1)];
        prop_assert!(entries(&[start, &bytes].concat()).is_err());
        let head = Head { kind: 3, flags: 0, first: 1, last: 1, meta_len: 9, raw_len: at as u64, frame_len: 100 };
        let begin = good.len() - by_hand(FORMAT, &[]).len() + 16;
        let claimed = [&good[..begin], &head.to_bytes(), &bytes].concat();
        prop_assert!(entries(&claimed).is_err());
    }
}
