//! The journal: a kv that lost items is refused; journals that are torn, damaged, absent, or longer
//! than a segment.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::domain::AggregatedAction;
use crate::store::durable::blob_header::{HEADER, Header, RecordType};
use crate::store::durable::journal::Journal;
use crate::store::durable::journal_found::FoundJournal;
use crate::store::durable::journal_reading::{ACKNOWLEDGED, Reading, read_acknowledged};
use crate::store::durable::journal_record::Item;
use crate::store::durable::journal_segment::{scan, segments};
use crate::store::kv::batch::Batch;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::testing::*;
use crate::store::*;

fn filled(dir: &Path) {
    let store = witnessed(dir, &clock(), 3);
    store.queue().add_single_job(1).unwrap();
    publish_next(&store);
    operation(&store, AggregatedAction::CreateProofBlocks, 1, 2);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

fn journal(dir: &Path) -> PathBuf {
    dir.join("journal")
}

fn last_segment(dir: &Path) -> PathBuf {
    segments(&journal(dir)).unwrap().pop_last().unwrap().1
}

/// Removes a record of the kv.
fn forget(dir: &Path, table: Table, key: &[u8]) {
    let kv = Kv::open(&dir.join("index"), 4 << 20, 100).unwrap();
    kv.accept().unwrap();
    let mut batch = Batch::new();
    batch.remove(table, key);
    kv.apply(batch).unwrap();
    kv.flush().unwrap();
}

fn refused(dir: &Path) -> String {
    Store::open(dir, options(&clock())).unwrap_err().to_string()
}

#[test]
fn what_the_kv_has_lost_is_missed_at_the_next_start_and_its_file_stays() {
    for (table, key, what) in [
        (Table::Blocks, keys::number(3).to_vec(), "block 3"),
        (Table::Proofs, keys::number(1).to_vec(), "proof of block 1"),
        (Table::AggregatedOperations, keys::operation(1, 2).to_vec(), "aggregated operation of 1 to 2"),
        (Table::Meta, keys::meta::GENESIS.to_vec(), "genesis"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let before = files(dir.path());
        forget(dir.path(), table, &key);
        let error = refused(dir.path());
        assert!(error.contains(what) && error.contains("journal"), "{error}");
        assert_eq!(files(dir.path()), before);
        let inspection = Inspection::open(dir.path(), options(&clock())).unwrap();
        let found = inspection.check().unwrap();
        let lost = |finding: &&Finding| finding.place == what && finding.severity == Severity::Damage;
        assert_eq!(found.iter().filter(lost).count(), 1, "{found:#?}");
    }
}

#[test]
fn a_torn_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = last_segment(dir.path());
    let len = fs::metadata(&path).unwrap().len();
    let whole = fs::read(&path).unwrap();
    for torn in [&whole[..80], &[0; 300]] {
        OpenOptions::new().append(true).open(&path).unwrap().write_all(torn).unwrap();
        drop(open(dir.path()));
        assert_eq!(fs::metadata(last_segment(dir.path())).unwrap().len(), len);
        assert_eq!(last_segment(dir.path()), path);
    }
}

/// Imports blocks 4 and 5 and restores the older `acknowledged`, which is never synced. Returns the
/// offset of block 4.
fn two_more_blocks(dir: &Path) -> u64 {
    let acknowledged = journal(dir).join(ACKNOWLEDGED);
    let old = fs::read(&acknowledged).unwrap();
    let store = open(dir);
    put_block(&store, 4).unwrap();
    put_block(&store, 5).unwrap();
    drop(store);
    fs::write(acknowledged, old).unwrap();
    read_acknowledged(&journal(dir)).unwrap().unwrap().offset
}

#[test]
fn what_a_power_failure_took_from_the_journal_is_appended_again() {
    for hole in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let from = two_more_blocks(dir.path());
        let path = last_segment(dir.path());
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        if hole {
            std::os::unix::fs::FileExt::write_all_at(&file, &[0; 100], from).unwrap();
        } else {
            file.set_len(from).unwrap();
        }
        let store = open(dir.path());
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        drop(store);
        for number in [4, 5] {
            let items = Reading::of(&journal(dir.path())).unwrap().replay.items;
            assert!(items.keys().any(|item| item.label == BlobLabel::block(BlobKind::Block, number)));
        }
        // The next start appends nothing.
        let len = fs::metadata(&path).unwrap().len();
        drop(open(dir.path()));
        assert_eq!(fs::metadata(last_segment(dir.path())).unwrap().len(), len);
        // A kv that loses it is refused.
        forget(dir.path(), Table::Blocks, &keys::number(5));
        assert!(refused(dir.path()).contains("block 5"));
    }
}

#[test]
fn a_revert_counts_even_after_the_acknowledged_place() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let acknowledged = journal(dir.path()).join(ACKNOWLEDGED);
    let old = fs::read(&acknowledged).unwrap();
    open(dir.path()).revert(2).unwrap();
    fs::write(acknowledged, old).unwrap();
    let store = open(dir.path());
    assert_eq!(store.chain().head().unwrap(), 2);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn damage_stays_and_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = last_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 10;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let store = open(dir.path());
    put_block(&store, 4).unwrap();
    let found = store.check_everything().unwrap();
    assert!(found.iter().any(|line| line.contains("journal/")), "{found:#?}");
    drop(store);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_ne!(last_segment(dir.path()), path);
    // Records in the new segment count as any other.
    forget(dir.path(), Table::Blocks, &keys::number(4));
    assert!(refused(dir.path()).contains("block 4"));
}

#[test]
fn what_was_never_acknowledged_is_withdrawn() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let label = BlobLabel::block(BlobKind::Block, 4);
    let blob = BlobRef::Inline { frame: vec![7; 50], raw_len: 60 };
    let lone = Journal::open(FoundJournal::read(&journal(dir.path())).unwrap().unwrap()).unwrap();
    // The process is killed before the transaction.
    let _ = lone.append(label, &blob).unwrap();
    drop(lone);
    let inspection = Inspection::open(dir.path(), options(&clock())).unwrap();
    let found = inspection.check().unwrap();
    assert!(matches!(&found[..], [only] if only.severity == Severity::LeftOver), "{found:#?}");
    drop(inspection);

    let store = open(dir.path());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    put_block(&store, 4).unwrap();
    drop(store);
    let reading = Reading::of(&journal(dir.path())).unwrap();
    assert!(reading.replay.gone.contains(&Item { label, hash: blob.frame_hash() }));
    assert_eq!(open(dir.path()).check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_revert_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let store = open(dir.path());
    store.revert(1).unwrap();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    drop(store);
    let store = open(dir.path());
    put_block(&store, 2).unwrap();
    drop(store);
    let reading = Reading::of(&journal(dir.path())).unwrap();
    let labels: Vec<String> = reading.replay.items.keys().map(|item| item.label.to_string()).collect();
    assert_eq!(labels, ["genesis", "block 1", "block 2", "proof of block 1"]);
    assert_eq!(open(dir.path()).check_everything().unwrap(), Vec::<String>::new());
}

#[test]
fn a_folder_without_a_journal_gets_one() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let before = Reading::of(&journal(dir.path())).unwrap();
    fs::remove_dir_all(journal(dir.path())).unwrap();
    // An interrupted creation left this.
    fs::create_dir(dir.path().join("journal.new")).unwrap();
    let store = open(dir.path());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    drop(store);
    let after = Reading::of(&journal(dir.path())).unwrap();
    assert!(before.replay.items.keys().eq(after.replay.items.keys()));
    assert!(!dir.path().join("journal.new").exists());
}

#[test]
fn segments_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 30);
    for block in 1..=30 {
        store.queue().add_single_job(block).unwrap();
        publish_next(&store);
    }
    drop(store);
    assert!(segments(&journal(dir.path())).unwrap().len() > 3);
    let store = open(dir.path());
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    drop(store);
    let acknowledged = read_acknowledged(&journal(dir.path())).unwrap().unwrap();
    assert_eq!(acknowledged.offset, fs::metadata(last_segment(dir.path())).unwrap().len());
    let middle = segments(&journal(dir.path())).unwrap().remove(&2).unwrap();
    fs::remove_file(middle).unwrap();
    let found = open(dir.path()).check_everything().unwrap();
    assert!(found.iter().any(|line| line.contains("000002.log")), "{found:#?}");
}

#[test]
fn every_damaged_byte_is_noticed_and_the_records_after_it_are_read() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = last_segment(dir.path());
    let good = fs::read(&path).unwrap();
    let records = scan(1, &path).unwrap().records.len();
    assert!(records >= 6);
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 4;
        fs::write(&path, &bad).unwrap();
        let segment = scan(1, &path).unwrap();
        let unsound = segment.records.iter().filter(|record| !record.sound).count();
        // A wrong id of a blob file is noticed by the hash in the name of the file.
        let of_a_file = segment.records.iter().any(|record| {
            let content = record.place.offset as usize + HEADER;
            record.header.record_type == RecordType::File && (content..content + 8).contains(&at)
        });
        assert!(of_a_file || unsound + segment.gaps.len() == 1, "byte {at}: {segment:?}");
        assert!(segment.records.len() >= records - 1, "byte {at}");
    }
}

#[test]
fn the_bytes_are_frozen() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&dir.path().join("journal"), |_| Ok(())).unwrap();
    let blob = BlobRef::File { id: 5, hash: [7; 32], len: 3, raw_len: 4 };
    journal.append(BlobLabel::range(BlobKind::AggregatedOperation, 1, 2), &blob).unwrap().applied();
    journal.append_revert(9).unwrap();
    let round = journal.begin_sync();
    journal.sync_while(&round, || ()).0.unwrap();
    journal.acknowledge(&round);
    let bytes = fs::read(dir.path().join("journal/000001.log")).unwrap();
    assert_eq!(bytes.len(), 72 + 8 + 72);
    let label = BlobLabel::range(BlobKind::AggregatedOperation, 1, 2);
    let header = Header { label, record_type: RecordType::File, raw_len: 4, len: 3, hash: [7; 32] };
    assert_eq!(bytes[..72], header.bytes());
    assert_eq!(bytes[72..80], 5u64.to_le_bytes());
    let label = BlobLabel::block(BlobKind::Block, 9);
    let header = Header { label, record_type: RecordType::Revert, raw_len: 0, len: 0, hash: [0; 32] };
    assert_eq!(bytes[80..], header.bytes());
    let acknowledged = fs::read(dir.path().join("journal").join(ACKNOWLEDGED)).unwrap();
    assert_eq!(hex::encode(&acknowledged[..12]), "010000009800000000000000");
    assert_eq!(acknowledged.len(), 16);
}
