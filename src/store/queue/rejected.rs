//! Proofs that were not accepted, the last ones, for inspection.

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

/// A proof that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedProof {
    /// The job it was published for.
    pub job_id: u32,
    /// The prover that held the job, if any.
    pub prover: Option<String>,
    /// Why, as a sentence; cut at 1000 bytes.
    pub reason: String,
    /// When, in milliseconds since 1970; set by the store.
    pub at_ms: u64,
    /// What was published.
    pub body: Vec<u8>,
}

/// A proof that was not accepted, without itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its number, from 0.
    pub number: u32,
    /// The job it was published for.
    pub job_id: u32,
    /// The prover that held the job, if any.
    pub prover: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Length of what was published, in bytes.
    pub length: u64,
}

/// Stored: frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RejectedRow {
    pub job_id: u32,
    pub prover: Option<String>,
    pub reason: String,
    pub at_ms: u64,
    pub body: BlobRef,
}

impl JobQueue {
    /// Keeps a rejected proof and forgets the oldest beyond the bound. Not synced.
    pub fn reject(&self, proof: RejectedProof) -> Result<(), StoreError> {
        let label = BlobLabel::block(BlobKind::RejectedProof, 0);
        let body = self.core.prepare_blob(label, &proof.body)?;
        self.core.ready()?;
        let _queue = self.lock();
        let number = self.core.kv.meta_number(meta::NEXT_REJECTED)?;
        let mut batch = Batch::new();
        let mut reason = proof.reason;
        truncate(&mut reason);
        let mut prover = proof.prover;
        prover.iter_mut().for_each(truncate);
        let body = batch.adopt(body);
        let row =
            RejectedRow { job_id: proof.job_id, prover, reason, at_ms: self.core.clock.wall_ms(), body };
        batch.put(Table::Rejected, &keys::number(number), &row)?;
        batch.put(Table::Meta, meta::NEXT_REJECTED, &number.saturating_add(1))?;
        if let Some(end) = number.saturating_add(1).checked_sub(self.max_rejected) {
            for (key, row) in
                self.core.kv.range_raw(Table::Rejected, &keys::number(0), &keys::number(end), 16)?
            {
                let row: RejectedRow = codec::from_body_bytes("a rejected proof", &row)?;
                batch.release(row.body);
                batch.remove(Table::Rejected, &key);
            }
        }
        self.core.apply(batch)
    }

    /// Up to `limit` rejected proofs, the newest first; all, or those before a number.
    pub fn rejected(&self, before: Option<u32>, limit: usize) -> Result<Vec<RejectedRecord>, StoreError> {
        let end = before.map_or_else(|| vec![0xff; 5], |before| keys::number(before).to_vec());
        let rows = self.core.kv.range_raw_back(Table::Rejected, &keys::number(0), &end, limit)?;
        let read = |(key, row): Entry| {
            let RejectedRow { job_id, prover, reason, at_ms, body } =
                codec::from_body_bytes("a rejected proof", &row)?;
            let number = keys::head_number(&key)
                .ok_or_else(|| StoreError::corrupt("the key of a rejected proof is too short"))?;
            Ok(RejectedRecord { number, job_id, prover, reason, at_ms, length: body.raw_len() })
        };
        rows.into_iter().map(read).collect()
    }

    /// What was published as the rejected proof of a number; `None` when it is not kept, or not any more.
    pub fn rejected_body(&self, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<RejectedRow> = self.core.kv.get(Table::Rejected, &keys::number(number))?;
        row.map(|row| self.core.read_blob(&row.body)).transpose()
    }
}

fn truncate(text: &mut String) {
    let mut end = text.len().min(1_000);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}
