//! The check of a data folder: decodes every record, compares indexes and counters with a full
//! scan, reads every blob, and compares the journal with the kv.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use crate::domain::job::{JobStatus, JobType};
use crate::store::chain::change_log::{ACCOUNTS, ChangeLog, ChangeRow, TREE};
use crate::store::chain::quarantine::QuarantineRow;
use crate::store::chain::witnesses::WitnessRow;
use crate::store::durable::blob_label::{BlobKind, BlobLabel};
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable_kinds::{DurableKind, DurableRecord};
use crate::store::error::StoreError;
use crate::store::kv::codec;
use crate::store::kv::handle::Kv;
use crate::store::kv::keys;
use crate::store::kv::keys::meta;
use crate::store::kv::pager::Unreadable;
use crate::store::kv::table::Table;
use crate::store::queue::attempt_record::AttemptRecord;
use crate::store::queue::job_index::{JobCounts, index_keys};
use crate::store::queue::job_record::{JobDataRef, JobRow};
use crate::store::queue::proof_record;
use crate::store::queue::prover_record::ProverRecord;
use crate::store::queue::refusal_record::RefusalRecord;
use crate::store::queue::rejected::RejectedRow;
use crate::store::recovery::finding::{Finding, Severity};
use crate::store::recovery::{check_blobs, check_journal};
use crate::store::store::Store;

pub(crate) struct StoreCheck<'a> {
    store: &'a Store,
    pub findings: Vec<Finding>,
    /// Every blob that a record owns, with the label that its file has to have.
    owned: Vec<(BlobLabel, BlobRef)>,
}

impl Store {
    /// Returns every contradiction between records, as a sentence; none in a sound folder. It reads
    /// all records, so it is for tests and operators, and the store must not be written meanwhile.
    pub fn check_indexes(&self) -> Result<Vec<String>, StoreError> {
        let mut check = StoreCheck::begin(self);
        check.records()?;
        Ok(check.findings.iter().map(ToString::to_string).collect())
    }

    /// Checks like [`Store::check_indexes`], and also reads every blob and the journal. Leftovers
    /// of a failed write are not contradictions: the next start removes them.
    pub fn check_everything(&self) -> Result<Vec<String>, StoreError> {
        let mut check = StoreCheck::begin(self);
        check.everything(None)?;
        check.findings.retain(|finding| finding.severity != Severity::LeftOver);
        Ok(check.findings.iter().map(ToString::to_string).collect())
    }
}

impl<'a> StoreCheck<'a> {
    pub(crate) fn begin(store: &'a Store) -> Self {
        Self { store, findings: Vec::new(), owned: Vec::new() }
    }

    /// Checks records, blobs, files and journal. `reverted`: a revert to this block is in progress,
    /// which the journal may not have yet.
    pub(crate) fn everything(&mut self, reverted: Option<u32>) -> Result<(), StoreError> {
        self.records()?;
        let blobs = &self.store.core().blobs;
        self.findings.extend(check_blobs::contents(blobs, &self.owned)?);
        self.findings.extend(check_blobs::names(blobs, &self.owned)?);
        self.findings.extend(check_journal::check(self.store.dir(), &self.owned, reverted)?);
        Ok(())
    }

    fn records(&mut self) -> Result<(), StoreError> {
        self.chain();
        self.queue();
        self.proofs_and_operations();
        self.attempts_and_provers();
        self.blobs()?;
        // Entries that the system failed to read are not damaged.
        self.kv().system_error()
    }

    fn chain(&mut self) {
        let head = self.number(meta::HEAD);
        let tree_head = self.number(meta::TREE_HEAD);
        self.expect(tree_head <= head, || format!("the tree is at block {tree_head}, the chain at {head}"));
        let before = self.findings.len();
        let genesis = self.durable(DurableKind::Genesis);
        let no_genesis = genesis.is_empty() && self.findings.len() == before;
        self.expect(!no_genesis || head == 0, || "there are blocks but no genesis".into());
        let blocks = self.durable(DurableKind::Block);
        let first = genesis.first().map_or(0, |genesis| genesis.label.last).saturating_add(1);
        let numbers = blocks.iter().map(|block| block.label.first);
        self.expect(numbers.eq(first..=head), || format!("the blocks are not {first} to {head}"));
        for (number, row) in self.numbered::<WitnessRow>(Table::Witnesses) {
            self.expect(number <= tree_head, || {
                format!("the witness of block {number} is ahead of the tree")
            });
            self.owned.push((BlobLabel::block(BlobKind::Witness, number), row.blob));
        }
        for number in self.numbered::<QuarantineRow>(Table::Quarantine).into_keys() {
            self.expect((first..=head).contains(&number), || {
                format!("block {number} is quarantined and missing")
            });
        }
        self.log(&ACCOUNTS, BlobKind::AccountChanges, head);
        self.log(&TREE, BlobKind::TreeChanges, tree_head);
        for table in [Table::Accounts, Table::AccountTree] {
            self.lenient(self.kv().walk(table).map(|entry| entry.map(drop)));
        }
    }

    fn log(&mut self, log: &ChangeLog, kind: BlobKind, head: u32) {
        let rows: BTreeMap<u32, ChangeRow> = self.numbered(log.log);
        let first = rows.keys().next().copied().unwrap_or(head.saturating_add(1));
        self.expect(rows.keys().copied().eq(first..=head), || {
            format!("`{}` is not {first} to {head}", log.log.name())
        });
        let applied = self.number(log.applied_key);
        self.expect(applied == head, || format!("`{}` is at block {applied}, not {head}", log.target.name()));
        for (number, row) in rows {
            self.owned.push((BlobLabel::block(kind, number), row.change_set));
        }
    }

    fn queue(&mut self) {
        let jobs: BTreeMap<u32, JobRow> = self.numbered(Table::Jobs);
        let mut counts = JobCounts::default();
        let mut index = BTreeSet::new();
        let queue = self.store.queue().lock();
        let leases: BTreeSet<u32> = queue.jobs().collect();
        let waiting: BTreeSet<u32> =
            jobs.keys().copied().filter(|id| queue.waits_until(*id).is_some()).collect();
        drop(queue);
        let next = self.number(meta::NEXT_JOB);
        for (&id, row) in &jobs {
            *counts.of(row.status) += 1;
            index.extend(index_keys(row, waiting.contains(&id)));
            self.expect(!waiting.contains(&id) || row.status == JobStatus::Idle, || {
                format!("job {id} is {:?} and in backoff", row.status)
            });
            self.expect(row.id == id && id < next, || format!("job {id} has a wrong id"));
            self.expect(leases.contains(&id) == (row.status == JobStatus::InProgress), || {
                format!("job {id} is {:?}, which its lease contradicts", row.status)
            });
            let key = proof_record::key(row.job_type, row.first, row.last);
            let proven = self.contains(proof_record::table(row.job_type), &key);
            self.expect(proven == (row.status == JobStatus::Done), || {
                format!("job {id} is {:?}, which its proof contradicts", row.status)
            });
            match &row.data {
                JobDataRef::Blob(blob) => {
                    let label = BlobLabel::range(BlobKind::JobData, row.first, row.last);
                    self.owned.push((label, blob.clone()));
                }
                JobDataRef::Witness => {
                    let witnessed = self.contains(Table::Witnesses, &keys::number(row.first));
                    self.expect(witnessed || row.status == JobStatus::Done, || {
                        format!("job {id} has no witness")
                    });
                }
            }
        }
        let stored = self.keys_of(Table::JobIndex);
        self.expect(stored == index, || "`job_index` does not agree with `jobs`".into());
        match self.store.queue().counts() {
            Ok(stored) => {
                self.expect(stored == counts, || format!("the counters say {stored:?}, the jobs {counts:?}"))
            }
            Err(error) => {
                let finding = Finding::entry(Table::Meta, meta::JOB_COUNTS, error.fault());
                self.findings.push(finding.derived());
            }
        }
    }

    fn proofs_and_operations(&mut self) {
        self.durable(DurableKind::SingleProof);
        self.durable(DurableKind::AggregatedProof);
        let operations = self.durable(DurableKind::AggregatedOperation);
        for [before, after] in operations.array_windows() {
            // The action is the first byte of the key.
            let same_action = before.key.first() == after.key.first();
            self.expect(!same_action || before.label.last < after.label.first, || {
                format!("the {} overlaps the {} before it", after.label, before.label)
            });
        }
        for (_, row) in self.lenient(self.kv().walk(Table::Rejected).rows::<RejectedRow>()) {
            self.owned.push((BlobLabel::block(BlobKind::RejectedProof, 0), row.blob));
        }
        for job_type in [JobType::Single, JobType::Aggregated] {
            let waiting = self.store.queue().to_hand_back(job_type, None, usize::MAX).unwrap_or_default();
            for (first, last) in waiting {
                let proven =
                    self.contains(proof_record::table(job_type), &proof_record::key(job_type, first, last));
                self.expect(proven, || {
                    format!("the missing proof of the blocks {first} to {last} waits for the node")
                });
            }
        }
        self.keys_of(Table::HandBack);
    }

    fn attempts_and_provers(&mut self) {
        // A folder of an earlier version may have jobs in progress without an attempt.
        let in_progress: BTreeSet<u32> = self.store.queue().lock().jobs().collect();
        let (mut ended, mut indexed) = (BTreeSet::new(), BTreeSet::new());
        for (key, payload) in self.lenient(self.kv().walk(Table::Attempts)) {
            let number = keys::attempts::number(&key);
            if key.starts_with(b"j") {
                indexed.extend(number);
                continue;
            }
            if key.starts_with(b"r") {
                let job = keys::tail_number(&key);
                let exists = job.is_some_and(|job| self.contains(Table::Jobs, &keys::number(job)));
                self.expect(exists, || format!("proofs of job {job:?} were refused, and it does not exist"));
                if let Err(error) = codec::open_payload::<RefusalRecord>(Table::Attempts.name(), &payload) {
                    self.findings.push(Finding::entry(Table::Attempts, &key, error.fault()));
                }
                continue;
            }
            if key.starts_with(b"o") {
                let job = keys::tail_number(&key);
                self.expect(job.is_some_and(|job| in_progress.contains(&job)), || {
                    format!("an attempt at job {job:?} is in progress, and the job is not")
                });
            } else {
                ended.extend(number);
            }
            if let Err(error) = codec::open_payload::<AttemptRecord>(Table::Attempts.name(), &payload) {
                self.findings.push(Finding::entry(Table::Attempts, &key, error.fault()));
            }
        }
        self.expect(ended == indexed, || "the index of `attempts` does not agree with them".into());
        self.lenient(self.kv().walk(Table::Provers).rows::<ProverRecord>());
    }

    fn blobs(&mut self) -> Result<(), StoreError> {
        let (ids, findings) = check_blobs::files(&self.store.core().blobs, &self.owned)?;
        self.findings.extend(findings);
        let listed = self.keys_of(Table::Blobs);
        let owned: BTreeSet<Vec<u8>> = ids.into_iter().map(|id| keys::blob(id).to_vec()).collect();
        self.expect(listed == owned, || "`bodies` does not agree with the records".into());
        Ok(())
    }

    fn expect(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.findings.push(Finding::inconsistency("index", finding()));
        }
    }

    fn kv(&self) -> &'a Kv {
        &self.store.core().kv
    }

    /// Returns a number of `meta`. If it cannot be read, adds a finding and returns 0.
    fn number(&mut self, key: &[u8]) -> u32 {
        self.kv().meta_number(key).unwrap_or_else(|error| {
            self.findings.push(Finding::entry(Table::Meta, key, error.fault()).derived());
            0
        })
    }

    /// Returns true if an entry exists, or cannot be read, which the walk over its table finds.
    fn contains(&self, table: Table, key: &[u8]) -> bool {
        self.kv().contains(table, key).unwrap_or(true)
    }

    /// Returns the readable items of a walk, and adds a finding for each of the others.
    fn lenient<T>(&mut self, walk: impl Iterator<Item = Result<T, Unreadable>>) -> Vec<T> {
        let mut readable = Vec::new();
        for item in walk {
            match item {
                Ok(item) => readable.push(item),
                Err(unreadable) => self.findings.push(Finding::unreadable(&unreadable)),
            }
        }
        readable
    }

    /// Returns the readable records of a kind, whose blobs are owned from now on.
    fn durable(&mut self, kind: DurableKind) -> Vec<DurableRecord> {
        let mut records = Vec::new();
        for (key, record) in self.lenient(kind.walk(self.kv())) {
            self.expect(key == record.key, || format!("the {} has a wrong key", record.label));
            self.owned.push((record.label, record.blob.clone()));
            if let Some(extra) = &record.extra {
                self.owned.push((BlobLabel { kind: BlobKind::BlockExtra, ..record.label }, extra.clone()));
            }
            records.push(record);
        }
        records
    }

    fn keys_of(&mut self, table: Table) -> BTreeSet<Vec<u8>> {
        self.lenient(self.kv().walk(table)).into_iter().map(|(key, _)| key).collect()
    }

    /// Returns the readable records of a table by the number that is their key.
    fn numbered<T: DeserializeOwned>(&mut self, table: Table) -> BTreeMap<u32, T> {
        let rows = self.lenient(self.kv().walk(table).rows());
        rows.into_iter().filter_map(|(key, row)| Some((keys::head_number(&key)?, row))).collect()
    }
}
