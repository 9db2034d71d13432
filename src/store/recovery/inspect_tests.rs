//! Inspections of damaged folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::store::durable::blob_header::{HEADER, Header, parse_header};
use crate::store::kv::batch::Batch;
use crate::store::kv::keys;
use crate::store::kv::table::Table;
use crate::store::testing::*;
use crate::store::*;

fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = witnessed(dir.path(), &clock(), 3);
    for block in 1..=3 {
        store.queue().add_single_job(block).unwrap();
    }
    publish_next(&store);
    store.sync().unwrap();
    dir
}

fn found(dir: &Path) -> Vec<Finding> {
    Inspection::open(dir, options(&clock())).unwrap().check().unwrap()
}

fn blobs(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(dir.join("blobs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn unreadable_records_are_named_and_do_not_end_the_check() {
    let dir = filled();
    let store = open(dir.path());
    store.tamper(Table::Jobs.name(), &keys::number(1), Some(b"no seal"));
    store.tamper(Table::Jobs.name(), &keys::number(3), Some(b"no seal"));
    store.tamper(Table::Accounts.name(), &keys::number(0), Some(b""));
    drop(store);
    let found = found(dir.path());
    let of = |place: &str| found.iter().any(|f| f.place == place && f.severity == Severity::Damage);
    assert!(of("table `jobs`, key 00000001") && of("table `jobs`, key 00000003"), "{found:#?}");
    assert!(of("table `accounts`, key 00000000"), "{found:#?}");
    // Job 2, between them, was read.
    assert!(!found.iter().any(|f| f.what.contains("job 2")), "{found:#?}");
}

#[test]
fn a_blob_file_with_another_label_is_found() {
    let dir = filled();
    for path in blobs(dir.path()) {
        let good = fs::read(&path).unwrap();
        let header = parse_header(&good).unwrap();
        let label = BlobLabel { first: header.label.first + 7, ..header.label };
        let other = [&Header { label, ..header }.bytes(), &good[HEADER..]].concat();
        fs::write(&path, other).unwrap();
        let found = found(dir.path());
        assert!(matches!(&found[..], [one] if one.what.contains(&label.to_string())), "{found:#?}");
        fs::write(&path, good).unwrap();
    }
    assert_eq!(found(dir.path()), vec![]);
}

#[test]
fn files_without_owner_and_foreign_names_are_left_over_and_a_missing_file_is_damage() {
    let dir = filled();
    let name = format!("{:016x}-{}", 0xfff, "ab".repeat(32));
    fs::write(dir.path().join("blobs").join(&name), "x").unwrap();
    fs::write(dir.path().join("blobs/readme"), "x").unwrap();
    let left: Vec<String> =
        found(dir.path()).into_iter().map(|f| format!("{:?} {}", f.severity, f.place)).collect();
    assert_eq!(left, [format!("LeftOver blobs/{name}"), "LeftOver blobs/readme".to_string()]);
    fs::remove_file(&blobs(dir.path())[0]).unwrap();
    assert!(found(dir.path()).iter().any(|f| f.what == "its file is missing"));
}

#[test]
fn without_a_kv_no_blob_is_removed() {
    let dir = filled();
    let before = blobs(dir.path());
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    fs::rename(dir.path().join("index"), dir.path().join("elsewhere")).unwrap();
    let refused = || Store::open(dir.path(), options(&clock())).unwrap_err().to_string();
    assert!(refused().contains("its kv is missing"));
    assert!(!dir.path().join("index").exists());
    // An empty kv is refused as well.
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()));
    let store = open(other.path());
    store.tamper(Table::Meta.name(), keys::meta::PARAMETERS, None);
    store.sync().unwrap();
    drop(store);
    fs::rename(other.path().join("index"), dir.path().join("index")).unwrap();
    assert!(refused().contains("its kv is empty"));
    assert!(found(dir.path()).iter().any(|f| f.place == "index" && f.severity == Severity::Damage));
    assert_eq!(blobs(dir.path()), before);
}

#[test]
fn an_interrupted_revert_is_finished_in_the_copy_only() {
    let dir = filled();
    let store = open(dir.path());
    let mut marker = Batch::new();
    marker.put(Table::Meta, keys::meta::REVERT_TO, &1u32).unwrap();
    store.core().apply(marker).unwrap();
    store.sync().unwrap();
    drop(store);
    let before = blobs(dir.path());
    let inspection = Inspection::open(dir.path(), options(&clock())).unwrap();
    assert_eq!(inspection.store().unwrap().chain().head().unwrap(), 1);
    let found = inspection.check().unwrap();
    // The files of the reverted blocks have no owner in the copy.
    assert!(found.iter().all(|f| f.severity == Severity::LeftOver), "{found:#?}");
    drop(inspection);
    assert_eq!(blobs(dir.path()), before);
    let store = open(dir.path());
    assert_eq!(store.chain().head().unwrap(), 1);
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}
