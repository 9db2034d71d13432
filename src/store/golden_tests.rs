//! The bytes of every stored record. If they change, existing folders cannot be read.

use crate::domain::{AggregatedAction, AttemptOutcome};
use crate::store::kv::codec;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::domain::job::{JobStatus, JobType};
use crate::store::chain::blocks::BlockRow;
use crate::store::chain::change_log::ChangeRow;
use crate::store::chain::genesis::GenesisRow;
use crate::store::chain::genesis_progress::ProgressRow;
use crate::store::chain::quarantine::QuarantineRow;
use crate::store::chain::witnesses::WitnessRow;
use crate::store::parameters::PARAMETERS;
use crate::store::queue::job_record::{JobDataRef, JobRow};
use crate::store::queue::proof_record::ProofRow;
use crate::store::queue::rejected::RejectedRow;
use crate::tree::source::{Change, ChangeSet};

fn frozen<T: Serialize + DeserializeOwned + PartialEq + Debug>(record: T, golden: &str) {
    let sealed = codec::seal(&record).unwrap();
    assert_eq!(hex::encode(&sealed), golden, "{record:?}");
    assert_eq!(codec::open::<T>("golden", &hex::decode(golden).unwrap()).unwrap(), record);
}

#[test]
fn records_are_frozen() {
    let file = BlobRef::File { id: 300, hash: [7; 32], len: 70_000, raw_len: 1 << 33 };
    let inline = BlobRef::Inline { frame: vec![1, 2, 3], raw_len: 9 };
    let quarantine =
        QuarantineRow { operation: Some(3), kind: Some("Swap".into()), reason: "c".into(), at_ms: 5 };
    let job = JobRow {
        id: 1,
        job_type: JobType::Single,
        status: JobStatus::InProgress,
        first: 2,
        last: 2,
        chunks: 72,
        attempts: 1,
        holder: Some("p".into()),
        created_at_ms: 3,
        updated_at_ms: 4,
        data: JobDataRef::Witness,
    };
    let failed = JobRow {
        job_type: JobType::Aggregated,
        status: JobStatus::Failed,
        holder: None,
        data: JobDataRef::Blob(inline.clone()),
        ..job.clone()
    };
    let block = BlockRow {
        number: 1,
        root: [1; 32],
        commitment: [2; 32],
        chunks: 10,
        content_hash: [3; 32],
        imported_at_ms: 4,
        blob: file.clone(),
        extra: inline.clone(),
    };
    let operation = AggregatedOperationRecord {
        action: AggregatedAction::ExecuteBlocks,
        first: 1,
        last: 2,
        content_hash: [4; 32],
        stored_at_ms: 5,
        blob: inline.clone(),
    };
    let change = Change { key: vec![1], old: None, new: Some(vec![2]) };
    frozen(
        AttemptRecord {
            job: 300,
            job_type: JobType::Aggregated,
            first: 1,
            last: 2,
            chunks: 0,
            prover: "p".into(),
            begun_at_ms: 3,
            ended_at_ms: 4,
            outcome: Some(AttemptOutcome::Superseded),
            reason: Some("r".into()),
        },
        "01fb2c0101010200017003040106010172dbf5e276",
    );
    frozen(
        ProverRecord {
            first_seen_ms: 1,
            last_seen_ms: 2,
            proofs: 3,
            rejected: 4,
            leases_lost: 5,
            refused_in_row: 6,
            suspended_until_ms: 7,
            blocked_at_ms: Some(8),
            times: vec![ProofTimes { job_type: JobType::Single, size: 9, proofs: 10, total_ms: 300 }],
        },
        "010102030405060701080100090afb2c01c7b25691",
    );
    frozen(RefusalRecord { by_prover: vec![("p".into(), 300)] }, "01010170fb2c014a49bf51");
    frozen(PARAMETERS, "0101202024d6d036");
    frozen(
        file.clone(),
        "0101fb2c010707070707070707070707070707070707070707070707070707070707070707fc70110100fd0000000002000000c4df9fe0",
    );
    frozen(
        GenesisRow { root: [1; 32], content_hash: [2; 32], accounts: 3, blob: inline.clone() },
        "010101010101010101010101010101010101010101010101010101010101010101020202020202020202020202020202020202020202020202020202020202020203000301020309fc46f372",
    );
    frozen(
        ProgressRow { content_hash: [2; 32], part_size: 2048, done: 1 << 24 },
        "010202020202020202020202020202020202020202020202020202020202020202fb0008fc00000001519d5cc0",
    );
    frozen(
        block,
        "0101010101010101010101010101010101010101010101010101010101010101010102020202020202020202020202020202020202020202020202020202020202020a03030303030303030303030303030303030303030303030303030303030303030401fb2c010707070707070707070707070707070707070707070707070707070707070707fc70110100fd000000000200000000030102030933f1fc62",
    );
    frozen(quarantine, "0101030104537761700163059462f7ad");
    frozen(
        AccountState { nonce: 300, pub_key_hash: [1; 20], address: [2; 20] },
        "01fb2c0101010101010101010101010101010101010101010202020202020202020202020202020202020202a66b3ed8",
    );
    frozen(
        ChangeRow { number: 1, root: [1; 32], change_set: inline.clone() },
        "010101010101010101010101010101010101010101010101010101010101010101010003010203097752cbb9",
    );
    frozen(ChangeSet { changes: vec![change] }, "01010101000101020c14140f");
    frozen(WitnessRow { blob: inline.clone(), operations: 9, stored_at_ms: 8 }, "010003010203090908af3d7bb3");
    frozen(job, "0101000102024801010170030400779589dd");
    frozen(failed, "010101030202480100030401000301020309183df073");
    frozen(JobCounts { idle: 1, in_progress: 2, done: 3, failed: 4 }, "01010203047cfa3a6c");
    frozen(
        ProofRow { first: 1, last: 2, job_id: 3, prover: None, stored_at_ms: 4, blob: inline.clone() },
        "01010203000400030102030997bfa046",
    );
    frozen(
        operation,
        "010301020404040404040404040404040404040404040404040404040404040404040404050003010203096a370a7d",
    );
    frozen(
        RejectedRow { job_id: 1, prover: Some("p".into()), reason: "r".into(), at_ms: 2, blob: inline },
        "010101017001720200030102030938e6b8fd",
    );
}
