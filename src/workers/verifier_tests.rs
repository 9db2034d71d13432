//! Key folders that are read or refused, and the order of verifications.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::verification_keys::{CircuitId, KeysError};
use super::verifier::{MAX_WAITING, TooManyWaiting, Verifier};
use crate::crypto::fr;
use crate::domain::proof::verification::NotVerified;
use crate::domain::{sample_aggregated_proof, sample_single_proof};
use crate::testing::plonk::{AggregateProver, BlockProver};

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn refused(files: &[(&str, &[u8])]) -> KeysError {
    Verifier::open(folder(files).path(), None).unwrap_err()
}

#[test]
fn keys_are_found_by_their_names_and_other_files_are_ignored() {
    let (block, aggregation) = (BlockProver::new(1), AggregateProver::default().key_bytes());
    let folder = folder(&[
        ("verification_block_26.key", &block.key_bytes()),
        ("recursive_2.key", &aggregation),
        ("verification_exit.key", b"not read"),
        ("precomputed_proofs.json", b"not read"),
        ("verification_block_26.key.old", b"not read"),
    ]);
    let verifier = Verifier::open(folder.path(), None).unwrap();
    let has = |circuit| verifier.has_key(circuit);
    assert!(has(CircuitId::Block { chunks: 26 }) && has(CircuitId::Aggregation { proofs: 2 }));
    assert!(!has(CircuitId::Block { chunks: 78 }) && !has(CircuitId::Aggregation { proofs: 26 }));

    let input = fr::from_u64(5);
    assert_eq!(verifier.verify_block(26, &block.prove(&input)), Ok(()));
    assert_eq!(verifier.verify_block(26, &sample_single_proof(&input, 1)), Err(NotVerified::False));
    assert_eq!(verifier.verify_block(78, &sample_single_proof(&input, 1)), Ok(()));
    let two = sample_aggregated_proof(&[input, input], 1);
    assert_eq!(verifier.verify_aggregate(&two), Err(NotVerified::OtherInput));
    assert_eq!(verifier.verify_aggregate(&sample_aggregated_proof(&[input], 1)), Ok(()));
}

#[test]
fn an_unusable_folder_is_refused_with_the_name_of_the_file() {
    let block = BlockProver::new(1).key_bytes();
    let missing = Verifier::open("/nowhere".as_ref(), None).unwrap_err();
    assert!(matches!(missing, KeysError::Unreadable { .. }), "{missing}");
    assert!(matches!(refused(&[]), KeysError::Empty { .. }));
    let aggregation = AggregateProver::default().key_bytes();
    assert!(matches!(refused(&[("recursive_1.key", &aggregation)]), KeysError::Empty { .. }));
    for name in [
        "verification_block_.key",
        "verification_block_026.key",
        "verification_block_0.key",
        "recursive_x.key",
    ] {
        let refused = refused(&[(name, &block)]);
        assert!(
            matches!(refused, KeysError::BadName { .. }) && refused.to_string().contains(name),
            "{refused}"
        );
    }
    let name = "verification_block_26.key";
    let cut = refused(&[(name, &block[..1000])]).to_string();
    assert!(
        cut.contains(&format!("{name} is not a verification key: the bytes end within g2_elements")),
        "{cut}"
    );
    let longer = refused(&[(name, &[&block[..], &block[..]].concat())]).to_string();
    assert!(longer.contains("1104 bytes follow the last field"), "{longer}");
    assert!(matches!(refused(&[(name, &[0; 5000])]), KeysError::TooLong { .. }));
    let exchanged = refused(&[(name, &aggregation)]);
    assert!(matches!(exchanged, KeysError::BadKey { .. }), "{exchanged}");

    let folder = folder(&[]);
    fs::create_dir(folder.path().join(name)).unwrap();
    let no_file = Verifier::open(folder.path(), None).unwrap_err().to_string();
    assert!(no_file.contains("not a regular file"), "{no_file}");
}

#[test]
fn aggregates_need_a_tree_that_holds_every_block_key() {
    let (block, aggregation) = (BlockProver::new(1).key_bytes(), AggregateProver::default().key_bytes());
    let names: Vec<String> = (1..=9).map(|chunks| format!("verification_block_{chunks}.key")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &block[..])).collect();
    assert!(Verifier::open(folder(&files).path(), None).is_ok());
    files.push(("recursive_1.key", &aggregation));
    assert!(matches!(refused(&files), KeysError::TooMany { found: 9, .. }));
}

#[tokio::test]
async fn proofs_are_verified_in_order_and_a_limited_number_wait() {
    let folder = folder(&[("verification_block_26.key", &BlockProver::new(1).key_bytes())]);
    let verifier = Arc::new(Verifier::open(folder.path(), Some(1)).unwrap());
    let first = verifier.acquire().await.unwrap();
    let (running, order) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let mut waiting = Vec::new();
    for number in 0..MAX_WAITING {
        let (verifier, running, order) = (verifier.clone(), running.clone(), order.clone());
        waiting.push(tokio::spawn(async move {
            let _permit = verifier.acquire().await.unwrap();
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            order.lock().unwrap().push(number);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
        }));
        // Lets the task reach its wait.
        tokio::task::yield_now().await;
    }
    assert_eq!(verifier.acquire().await.unwrap_err(), TooManyWaiting);
    // A cancelled wait makes room for another.
    waiting.pop().unwrap().abort();
    tokio::task::yield_now().await;
    let last = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.acquire().await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert_eq!(verifier.acquire().await.unwrap_err(), TooManyWaiting);

    drop(first);
    for task in waiting {
        task.await.unwrap();
    }
    last.await.unwrap().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..MAX_WAITING - 1).collect::<Vec<_>>());
    verifier.acquire().await.unwrap();
}
