//! Kills and full disks.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::domain::job::JobStatus;
use crate::domain::{AggregatedAction, Quarantine};
use crate::store::testing::*;
use crate::store::*;
use crate::testing::on_small_disk;

/// Copies the files as a kill at this moment would leave them.
fn killed(dir: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => copy(&entry.path(), &target),
                // A file that vanishes meanwhile was being removed.
                false => drop(fs::copy(entry.path(), target)),
            }
        }
    }
    let copied = tempfile::tempdir().unwrap();
    copy(dir, copied.path());
    copied
}

#[test]
fn what_is_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_genesis(&store);
    for n in 1..=5 {
        put_block(&store, n).unwrap();
        let copy = killed(dir.path());
        let after = open(copy.path());
        assert_eq!((after.chain().head().unwrap(), after.tree().head().unwrap()), (n, n - 1));
        assert_eq!(after.chain().account(0).unwrap(), Some(account(n)));
        assert_eq!(after.check_everything().unwrap(), Vec::<String>::new());

        commit_witness(&store, n).unwrap();
        let copy = killed(dir.path());
        let after = open(copy.path());
        assert_eq!(after.tree().head().unwrap(), n);
        assert_eq!(after.tree().source().get(b"root").unwrap(), Some(n.to_string().into_bytes()));
        assert_eq!(after.check_everything().unwrap(), Vec::<String>::new());

        store.queue().add_single_job(n).unwrap();
        publish_next(&store);
        let copy = killed(dir.path());
        let after = open(copy.path());
        assert_eq!(after.queue().single_proof(n).unwrap(), Some(proof_json(n)));
        assert_eq!(after.queue().job(n).unwrap().unwrap().status, JobStatus::Done);
        assert_eq!(after.check_everything().unwrap(), Vec::<String>::new());
    }
    store.revert(3).unwrap();
    let copy = killed(dir.path());
    let after = open(copy.path());
    assert_eq!((after.chain().head().unwrap(), after.tree().head().unwrap()), (3, 3));
    assert_eq!(after.check_everything().unwrap(), Vec::<String>::new());
}

/// Runs an operation, and repeats it once if it fails.
fn retried<T, E: std::fmt::Debug>(run: impl Fn() -> Result<T, E>) -> T {
    run().or_else(|_| run()).unwrap()
}

fn published(store: &Store) {
    let job = retried(|| store.queue().claim("p", Preference::default())).unwrap();
    let json = proof_json(job.last);
    let proof = NewProof { job_id: job.id, first: job.first, last: job.last, json: &json };
    retried(|| {
        match store.queue().publish(job.job_type, proof).map(drop) {
            // The first attempt stored it, and only its sync failed.
            Err(PublishError::Duplicate { .. }) => Ok(()),
            other => other,
        }
    });
}

/// If any write fails, repeating the operation is enough.
#[test]
fn any_write_can_fail_once() {
    for fault in 1.. {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        put_genesis(&store);
        store.core().kv.fault.store(fault, Ordering::SeqCst);
        let grow = |n| {
            retried(|| put_block(&store, n));
            retried(|| commit_witness(&store, n));
            retried(|| store.queue().add_single_job(n));
        };
        (1..=3).for_each(grow);
        (1..=3).for_each(|_| published(&store));
        retried(|| {
            let action = AggregatedAction::CreateProofBlocks;
            store.chain().put_aggregated_operation(action, 1, 2, [0; 32], b"{}")
        });
        retried(|| store.queue().add_aggregated_job(1, 2));
        published(&store);
        retried(|| store.revert(1));
        assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (1, 1));
        (2..=3).for_each(grow);
        retried(|| store.queue().claim("q", Preference::default())).unwrap();
        retried(|| store.queue().release("q"));
        let id = store.queue().jobs(Some(JobStatus::Idle), 0, 1).unwrap().0[0].id;
        retried(|| store.queue().requeue(id));
        assert_eq!(store.chain().account(0).unwrap(), Some(account(3)));
        assert_eq!(store.tree().source().get(b"root").unwrap(), Some(b"3".to_vec()));
        assert_eq!(store.queue().single_proof(1).unwrap(), Some(proof_json(1)));
        let counts = JobCounts { idle: 2, in_progress: 0, done: 1, failed: 0 };
        assert_eq!(store.queue().counts().unwrap(), counts, "write {fault}");
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new(), "write {fault}");
        if store.core().kv.fault.load(Ordering::SeqCst) > 0 {
            assert!(fault > 40, "{fault}");
            return;
        }
        assert_eq!(store.core().kv.generation(), 1, "write {fault}");
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_full_disk_loses_nothing_and_writes_resume_when_there_is_space() {
    let name = "a_full_disk_loses_nothing_and_writes_resume_when_there_is_space";
    let Some(parent) = on_small_disk(module_path!(), name, 24) else { return };
    // In the first round a blob file does not fit, in the second round, without blob files, the kv.
    for blobs in [true, false] {
        let dir = parent.join(format!("data-{blobs}"));
        let store = open(&dir);
        put_genesis(&store);
        put_block(&store, 1).unwrap();
        commit_witness(&store, 1).unwrap();
        store.queue().add_single_job(1).unwrap();
        let mut next = 2;
        let write = |n: u32| -> Result<(), StoreError> {
            if blobs {
                put_block(&store, n)?;
                return commit_witness(&store, n);
            }
            let cause = hex::encode(noise(n, 400));
            let quarantine = Quarantine { reason: cause, operation: None, kind: None, at_ms: n.into() };
            store.chain().set_quarantine(1, quarantine)?;
            store.queue().reject(RejectedProof {
                job_id: n,
                prover: None,
                reason: "r".repeat(900),
                at_ms: 0,
                bytes: vec![],
            })?;
            store.sync()
        };
        let mut chunk = 1 << 20;
        let ballast = parent.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        while chunk > 0 {
            if std::io::Write::write_all(&mut file, &vec![1; chunk]).is_err() {
                chunk /= 2;
            }
        }
        drop(file);
        let error = loop {
            match write(next) {
                Ok(()) => next += 1,
                Err(error) => break error,
            }
        };
        eprintln!("step {next}: {error}");
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        for _ in 0..5 {
            let started = std::time::Instant::now();
            let again = write(next);
            eprintln!("{again:?} after {:?}; reads: {:?}", started.elapsed(), store.queue().job(1).is_ok());
        }
        assert_eq!(store.chain().block_json(1).unwrap().unwrap(), noise(1, 5_000));
        fs::remove_file(&ballast).unwrap();
        for n in next..next + 10 {
            write(n).unwrap();
        }
        publish_next(&store);
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        drop(store);
        let store = open(&dir);
        if blobs {
            assert_eq!(store.tree().head().unwrap(), next + 9);
        } else {
            assert_eq!(store.queue().rejected(None, 1).unwrap()[0].job_id, next + 9);
        }
        assert_eq!(store.queue().single_proof(1).unwrap(), Some(proof_json(1)));
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
    }
}
