//! The last rejected proofs, for inspection.

use serde::{Deserialize, Serialize};

use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::kv::{codec, keys};
use crate::store::queue::job_queue::JobQueue;
use crate::tree::source::Entry;

/// The longest reason and name of a prover that are stored, in bytes.
const MAX_TEXT: usize = 1_000;

/// A rejected proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedProof {
    /// The job that it was published for.
    pub job_id: u32,
    /// Name of the prover that published it, if known.
    pub prover: Option<String>,
    /// The reason, as a sentence; cut at 1000 bytes.
    pub reason: String,
    /// Time of the rejection in milliseconds since 1970; set by the store.
    pub at_ms: u64,
    /// The published bytes.
    pub bytes: Vec<u8>,
}

/// A rejected proof without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Number of the rejection, from 0.
    pub number: u32,
    /// The job that it was published for.
    pub job_id: u32,
    /// Name of the prover that published it, if known.
    pub prover: Option<String>,
    /// The reason, as a sentence.
    pub reason: String,
    /// Time of the rejection in milliseconds since 1970.
    pub at_ms: u64,
    /// Number of published bytes.
    pub length: u64,
}

/// Stored; the layout is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RejectedRow {
    pub job_id: u32,
    pub prover: Option<String>,
    pub reason: String,
    pub at_ms: u64,
    pub blob: BlobRef,
}

impl JobQueue {
    /// Stores a rejected proof and removes the oldest beyond the bound. Not synced.
    pub fn reject(&self, proof: RejectedProof) -> Result<(), StoreError> {
        let label = BlobLabel::block(BlobKind::RejectedProof, 0);
        let blob = self.core.prepare_blob(label, &proof.bytes)?;
        self.core.ready()?;
        let _queue = self.lock();
        let kv = &self.core.kv;
        let number = kv.meta_number(meta::NEXT_REJECTED)?;
        let mut batch = Batch::new();
        let row = RejectedRow {
            job_id: proof.job_id,
            prover: proof.prover.map(truncated),
            reason: truncated(proof.reason),
            at_ms: self.core.now_ms(),
            blob: batch.adopt(blob),
        };
        batch.put(Table::Rejected, &keys::number(number), &row)?;
        batch.put(Table::Meta, meta::NEXT_REJECTED, &number.saturating_add(1))?;
        if let Some(end) = number.saturating_add(1).checked_sub(self.max_rejected) {
            for (key, row) in kv.range(Table::Rejected, &keys::number(0), &keys::number(end), 16)? {
                let row: RejectedRow = codec::decode("a rejected proof", &row)?;
                batch.release(row.blob);
                batch.remove(Table::Rejected, &key);
            }
        }
        self.core.apply(batch)
    }

    /// Returns up to `limit` rejected proofs, the newest first: all, or those before a number.
    pub fn rejected(&self, before: Option<u32>, limit: usize) -> Result<Vec<RejectedRecord>, StoreError> {
        let end = before.map_or_else(|| vec![0xff; 5], |before| keys::number(before).to_vec());
        let rows = self.core.kv.range_back(Table::Rejected, &keys::number(0), &end, limit)?;
        let read = |(key, row): Entry| {
            let RejectedRow { job_id, prover, reason, at_ms, blob } =
                codec::decode("a rejected proof", &row)?;
            let number = keys::head_number(&key)
                .ok_or_else(|| StoreError::corrupt("the key of a rejected proof is too short"))?;
            Ok(RejectedRecord { number, job_id, prover, reason, at_ms, length: blob.raw_len() })
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns the bytes of a rejected proof; `None` if it is not stored or was removed.
    pub fn rejected_bytes(&self, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<RejectedRow> = self.core.kv.get(Table::Rejected, &keys::number(number))?;
        row.map(|row| self.core.read_blob(&row.blob)).transpose()
    }
}

fn truncated(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}
