//! Test functions of the decoders of stored bytes: each panics if its decoder misbehaves. They
//! exist only with the feature `testing`; [`testing::decoders`](crate::testing::decoders) has all
//! decoders.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::chain::accounts::AccountState;
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::chain::blocks::BlockRow;
use crate::store::chain::change_log::ChangeRow;
use crate::store::chain::genesis::GenesisRow;
use crate::store::chain::genesis_progress::ProgressRow;
use crate::store::chain::quarantine::QuarantineRow;
use crate::store::chain::witnesses::WitnessRow;
use crate::store::durable::blob_header::{HEADER, Header, MAGIC, RecordType, parse_header};
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_reader::BlobReader;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blob_writer::BlobWriter;
use crate::store::durable::journal_replay::Replay;
use crate::store::durable::journal_segment;
use crate::store::kv::{codec, keys};
use crate::store::parameters::Parameters;
use crate::store::queue::attempt_record::AttemptRecord;
use crate::store::queue::job_index::JobCounts;
use crate::store::queue::job_record::JobRow;
use crate::store::queue::proof_record::ProofRow;
use crate::store::queue::prover_record::ProverRecord;
use crate::store::queue::refusal_record::RefusalRecord;
use crate::store::queue::rejected::RejectedRow;
use crate::tree::source::ChangeSet;

/// Number of decompressed bytes that are read of a blob: a short frame may have a large content.
const LOOKED_AT: u64 = 1 << 20;

/// The kinds of stored records.
const RECORDS: &[fn(&[u8])] = &[
    record::<Parameters>,
    record::<GenesisRow>,
    record::<ProgressRow>,
    record::<BlockRow>,
    record::<QuarantineRow>,
    record::<AccountState>,
    record::<ChangeRow>,
    record::<ChangeSet>,
    record::<WitnessRow>,
    record::<JobRow>,
    record::<JobCounts>,
    record::<ProofRow>,
    record::<AggregatedOperationRecord>,
    record::<RejectedRow>,
    record::<AttemptRecord>,
    record::<ProverRecord>,
    record::<RefusalRecord>,
    record::<u32>,
    record::<bool>,
];

/// Decodes a record. The first byte selects the kind of the record. The rest is decoded twice: as a
/// sealed record, and as a payload that is sealed first.
pub(crate) fn records(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else { return };
    let record = RECORDS[usize::from(*kind) % RECORDS.len()];
    record(payload);
    record(&codec::seal_raw(payload));
    // The parsers of keys run on the same bytes.
    let _ = (keys::head_number(payload), keys::tail_number(payload), keys::index::range_last(payload));
    let _ =
        (keys::hand_back::range(payload), keys::index::since_ms(payload), keys::attempts::number(payload));
}

/// Asserts that a decoded record is equal after encoding and decoding it. Its bytes may differ,
/// since an integer also has longer encodings.
fn record<T: Serialize + DeserializeOwned + PartialEq + Debug>(sealed: &[u8]) {
    let Ok(read) = codec::open::<T>("test", sealed) else { return };
    let written = codec::seal(&read).expect("what was read is not too large");
    assert_eq!(codec::open::<T>("test", &written).expect("what was written can be read"), read);
    assert_eq!(codec::seal(&read).expect("as before"), written);
}

/// Decompresses a blob. The first four bytes are the length in its reference, little-endian; the
/// rest is a zstd frame, or the header of a blob file.
pub(crate) fn body(bytes: &[u8]) {
    let Some((raw_len, rest)) = bytes.split_first_chunk::<4>() else { return };
    let raw_len = u64::from(u32::from_le_bytes(*raw_len));
    file_header(rest);
    let mut reader = BlobReader::inline(rest.to_vec(), raw_len).into_decoder().expect("zstd works");
    let (mut part, mut length) = ([0; 4096], 0);
    let whole = loop {
        match std::io::Read::read(&mut reader, &mut part) {
            Ok(0) => break true,
            Ok(read) => length += read as u64,
            Err(_) => break false,
        }
        if length > LOOKED_AT {
            break false;
        }
    };
    assert!(length <= raw_len && (!whole || length == raw_len), "{length} of {raw_len} bytes");
}

/// Parses a header, unmodified and with a corrected checksum.
fn file_header(bytes: &[u8]) {
    let _ = parse_header(bytes);
    if let Some((rest, _)) = bytes.split_at_checked(HEADER - 4) {
        let crc = crc32fast::hash(rest);
        let _ = parse_header(&[rest, &crc.to_le_bytes()].concat());
    }
}

/// Scans a segment of the journal. If the first byte is odd, the checksum of every header is
/// corrected first. Asserts that entries are in order, that each gap ends at an entry or the end of
/// the segment, and that each item is either stored or removed.
pub(crate) fn journal(bytes: &[u8]) {
    let Some((kind, segment)) = bytes.split_first() else { return };
    let mut segment = segment.to_vec();
    if kind % 2 == 1 {
        let starts = segment.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
        for at in starts.map(|(at, _)| at).collect::<Vec<_>>() {
            let Some(header) = segment.get_mut(at..at + HEADER) else { continue };
            let crc = crc32fast::hash(&header[..HEADER - 4]);
            header[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        }
    }
    let read = journal_segment::of_bytes(1, &segment);
    assert_eq!(read.len, segment.len() as u64);
    let mut starts: Vec<u64> = read.records.iter().map(|record| record.place.offset).collect();
    assert!(starts.is_sorted());
    starts.extend(read.gaps.iter().map(|gap| gap.from.offset));
    assert!(segment.is_empty() || starts.contains(&0));
    for gap in &read.gaps {
        assert!(gap.from.offset < gap.to && (gap.to == read.len || starts.contains(&gap.to)));
    }
    let mut replay = Replay::default();
    for record in read.records {
        assert_eq!(record.file.is_some(), record.header.record_type == RecordType::File);
        replay.add(record);
    }
    assert!(replay.items.keys().all(|item| !replay.gone.contains(item)));
}

/// Returns inputs of [`journal`]: a record of each type.
pub(crate) fn journal_seeds() -> Vec<Vec<u8>> {
    let content = *b"a frame";
    let hash = *blake3::hash(&content).as_bytes();
    let record = |kind, number, record_type, content: &[u8]| {
        let label = BlobLabel::block(kind, number);
        let len = content.len() as u64;
        [Header { label, record_type, raw_len: 5, len, hash }.bytes(), content.to_vec()].concat()
    };
    let records = [
        record(BlobKind::Genesis, 0, RecordType::Inline, &content),
        record(BlobKind::Block, 1, RecordType::Inline, &content),
        record(BlobKind::Block, 2, RecordType::File, &300u64.to_le_bytes()),
        record(BlobKind::Block, 2, RecordType::Withdrawn, &[]),
        record(BlobKind::Block, 0, RecordType::Revert, &[]),
    ];
    let all = records.concat();
    let mut seeds = vec![[&[0][..], &all].concat(), [&[1][..], &all, b"between", &all].concat()];
    seeds.extend(records.iter().map(|record| [&[1][..], record].concat()));
    seeds
}

/// Returns inputs of [`body`]: compressed frames of these contents, and a header of a file.
pub(crate) fn body_seeds(contents: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let label = BlobLabel::range(BlobKind::JobData, 1, 2);
    let header = Header { label, record_type: RecordType::Inline, raw_len: 5, len: 3, hash: [7; 32] };
    let mut seeds = vec![[&[0; 4][..], &header.bytes()].concat()];
    for content in contents {
        let compressed = BlobWriter::compress(BlobKind::Witness, content).expect("zstd works");
        let length = u32::try_from(content.len()).expect("a short body");
        seeds.push([&length.to_le_bytes()[..], &compressed.frame].concat());
    }
    seeds
}

/// Returns inputs of [`records`]: one of each kind.
pub(crate) fn record_seeds() -> Vec<Vec<u8>> {
    let inline = || BlobRef::Inline { frame: vec![1, 2, 3], raw_len: 9 };
    let file = || BlobRef::File { id: 300, hash: [7; 32], len: 70_000, raw_len: 1 << 33 };
    let payloads = [
        codec::encode("", &crate::store::parameters::PARAMETERS),
        codec::encode("", &GenesisRow { root: [1; 32], content_hash: [2; 32], accounts: 3, blob: inline() }),
        codec::encode("", &ProgressRow { content_hash: [2; 32], part_size: 2048, done: 1 << 24 }),
        codec::encode(
            "",
            &BlockRow {
                number: 1,
                root: [1; 32],
                commitment: [2; 32],
                chunks: 10,
                content_hash: [3; 32],
                imported_at_ms: 4,
                blob: file(),
                extra: inline(),
            },
        ),
        codec::encode(
            "",
            &QuarantineRow { operation: Some(3), kind: Some("Swap".into()), reason: "c".into(), at_ms: 5 },
        ),
        codec::encode("", &AccountState { nonce: 300, pub_key_hash: [1; 20], address: [2; 20] }),
        codec::encode("", &ChangeRow { number: 1, root: [1; 32], change_set: inline() }),
        codec::encode(
            "",
            &ChangeSet { changes: vec![crate::tree::Change { key: vec![1], old: None, new: Some(vec![2]) }] },
        ),
        codec::encode("", &WitnessRow { blob: inline(), operations: 9, stored_at_ms: 8 }),
        codec::encode(
            "",
            &JobRow {
                id: 1,
                job_type: crate::domain::job::JobType::Aggregated,
                status: crate::domain::job::JobStatus::Failed,
                first: 2,
                last: 2,
                chunks: 72,
                attempts: 1,
                holder: Some("p".into()),
                created_at_ms: 3,
                updated_at_ms: 4,
                data: crate::store::queue::job_record::JobDataRef::Blob(inline()),
            },
        ),
        codec::encode("", &JobCounts { idle: 1, in_progress: 2, done: 3, failed: 4 }),
        codec::encode(
            "",
            &ProofRow { first: 1, last: 2, job_id: 3, prover: None, stored_at_ms: 4, blob: inline() },
        ),
        codec::encode(
            "",
            &AggregatedOperationRecord {
                action: crate::domain::AggregatedAction::ExecuteBlocks,
                first: 1,
                last: 2,
                content_hash: [4; 32],
                stored_at_ms: 5,
                blob: file(),
            },
        ),
        codec::encode(
            "",
            &RejectedRow {
                job_id: 1,
                prover: Some("p".into()),
                reason: "r".into(),
                at_ms: 2,
                blob: inline(),
            },
        ),
        codec::encode("", &300u32),
        codec::encode("", &true),
    ];
    let seed =
        |(kind, payload): (u8, Result<Vec<u8>, _>)| [&[kind][..], &payload.expect("a small record")].concat();
    (0..).zip(payloads).map(seed).collect()
}
