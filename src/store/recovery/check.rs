//! Looking for contradictions: every record is decoded, indexes and counters are compared with what a full scan says, every body is read,
//! and the journal is compared with the index.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use crate::domain::job::{JobStatus, JobType};
use crate::store::chain::aggregated_operations::AggregatedOperationRecord;
use crate::store::chain::blocks::{BlockRow, Quarantine};
use crate::store::chain::change_log::{ACCOUNTS, ChangeLog, ChangeRow, TREE};
use crate::store::chain::witnesses::WitnessRow;
use crate::store::durable::blobs::{BlobKind, BlobLabel, BlobRef, file_id};
use crate::store::durable::journal::Reading;
use crate::store::durable::journal_scan::Item;
use crate::store::error::StoreError;
use crate::store::kv::batch::Table;
use crate::store::kv::codec;
use crate::store::kv::keys;
use crate::store::kv::keys::meta;
use crate::store::kv::scan::Scan;
use crate::store::queue::jobs::{JobCounts, JobDataRef, JobRow, index_keys};
use crate::store::queue::proofs;
use crate::store::queue::proofs::ProofRow;
use crate::store::queue::rejected::RejectedRow;
use crate::store::recovery::finding::{Finding, Severity};
use crate::store::store::Store;
use crate::tree::source::Entry;

/// A scan in progress.
pub(crate) struct Check<'a> {
    store: &'a Store,
    pub findings: Vec<Finding>,
    /// Every body that a record owns, with what its file has to say it is.
    blobs: Vec<(BlobLabel, BlobRef)>,
}

impl Store {
    /// Everything that does not fit together, as sentences; empty when all is well. Reads all records, so it is for tests and
    /// operators only, and the store must not be written meanwhile.
    pub fn check_indexes(&self) -> Result<Vec<String>, StoreError> {
        let mut check = Check::begin(self);
        check.records()?;
        Ok(check.findings.iter().map(ToString::to_string).collect())
    }

    /// As [`Store::check_indexes`], and every body is read and checked against its hash, and the journal is read. What is left over
    /// by a failed write is in order: the next start removes it.
    pub fn check_everything(&self) -> Result<Vec<String>, StoreError> {
        let mut check = Check::begin(self);
        check.everything(None)?;
        check.findings.retain(|finding| finding.severity != Severity::LeftOver);
        Ok(check.findings.iter().map(ToString::to_string).collect())
    }
}

impl<'a> Check<'a> {
    pub fn begin(store: &'a Store) -> Self {
        Self { store, findings: Vec::new(), blobs: Vec::new() }
    }

    /// Records, bodies, files, journal. `reverted`: a revert to that block is under way, which the journal may not know yet.
    pub fn everything(&mut self, reverted: Option<u32>) -> Result<(), StoreError> {
        self.records()?;
        self.read_bodies();
        self.strangers()?;
        self.journal(reverted)
    }

    fn records(&mut self) -> Result<(), StoreError> {
        self.chain()?;
        self.queue()?;
        self.rest()?;
        self.files()
    }

    fn chain(&mut self) -> Result<(), StoreError> {
        let (head, tree_head) = (self.number(meta::HEAD), self.number(meta::TREE_HEAD));
        self.expect(tree_head <= head, || format!("the tree is at block {tree_head}, the chain at {head}"));
        match self.store.chain().genesis_body_ref() {
            Ok(Some(body)) => self.blobs.push((BlobLabel::block(BlobKind::Genesis, 0), body)),
            Ok(None) => self.expect(head == 0, || "there are blocks and no genesis".into()),
            Err(error) => self.findings.push(Finding::entry(Table::Meta, meta::GENESIS, plain(&error))),
        }
        let blocks: BTreeMap<u32, BlockRow> = self.numbered(Table::Blocks)?;
        self.expect(blocks.keys().copied().eq(1..=head), || format!("the blocks are not 1 to {head}"));
        for (number, row) in blocks {
            self.expect(row.number == number, || format!("block {number} says it is {}", row.number));
            self.blobs.push((BlobLabel::block(BlobKind::Block, number), row.body));
            self.blobs.push((BlobLabel::block(BlobKind::BlockExtra, number), row.extra));
        }
        let witnesses: BTreeMap<u32, WitnessRow> = self.numbered(Table::Witnesses)?;
        for (number, row) in witnesses {
            self.expect(number <= tree_head, || {
                format!("the witness of block {number} is ahead of the tree")
            });
            self.blobs.push((BlobLabel::block(BlobKind::Witness, number), row.body));
        }
        let quarantined: BTreeMap<u32, Quarantine> = self.numbered(Table::Quarantine)?;
        for number in quarantined.into_keys() {
            self.expect((1..=head).contains(&number), || {
                format!("block {number} is quarantined and missing")
            });
        }
        self.log(&ACCOUNTS, BlobKind::AccountDelta, head)?;
        self.log(&TREE, BlobKind::TreeDelta, tree_head)?;
        for table in [Table::Accounts, Table::AccountTree] {
            let mut scan = Scan::new(&self.store.core().kv, table);
            while scan.next_page().is_some() {}
            self.findings.append(&mut scan.findings);
        }
        Ok(())
    }

    fn log(&mut self, log: &ChangeLog, kind: BlobKind, head: u32) -> Result<(), StoreError> {
        let rows: BTreeMap<u32, ChangeRow> = self.numbered(log.log)?;
        let first = rows.keys().next().copied().unwrap_or(head.saturating_add(1));
        self.expect(rows.keys().copied().eq(first..=head), || {
            format!("`{}` is not {first} to {head}", log.log.name())
        });
        let applied = self.number(log.applied_key);
        self.expect(applied == head, || format!("`{}` is at block {applied}, not {head}", log.target.name()));
        for (number, row) in rows {
            self.blobs.push((BlobLabel::block(kind, number), row.delta));
        }
        Ok(())
    }

    fn queue(&mut self) -> Result<(), StoreError> {
        let jobs: BTreeMap<u32, JobRow> = self.numbered(Table::Jobs)?;
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
                format!("job {id} is {:?} and waits", row.status)
            });
            self.expect(row.id == id && id < next, || format!("job {id} has a wrong id"));
            self.expect(leases.contains(&id) == (row.status == JobStatus::InProgress), || {
                format!("job {id} is {:?} and its lease says otherwise", row.status)
            });
            let key = proofs::key(row.job_type, row.first, row.last);
            let proven = self.contains(proofs::table(row.job_type), &key);
            self.expect(proven == (row.status == JobStatus::Done), || {
                format!("job {id} is {:?} and its proof says otherwise", row.status)
            });
            match &row.data {
                JobDataRef::Body(body) => {
                    let label = BlobLabel::range(BlobKind::JobData, row.first, row.last);
                    self.blobs.push((label, body.clone()));
                }
                JobDataRef::Witness => {
                    let there = self.contains(Table::Witnesses, &keys::number(row.first));
                    self.expect(there || row.status == JobStatus::Done, || {
                        format!("job {id} has no witness")
                    });
                }
            }
        }
        let stored: BTreeSet<Vec<u8>> =
            self.entries(Table::JobIndex)?.into_iter().map(|(key, _)| key).collect();
        self.expect(stored == index, || "`job_index` does not agree with `jobs`".into());
        match self.store.queue().counts() {
            Ok(stored) => {
                self.expect(stored == counts, || format!("the counters say {stored:?}, the jobs {counts:?}"))
            }
            Err(error) => {
                self.findings.push(Finding::entry(Table::Meta, meta::JOB_COUNTS, plain(&error)).derived())
            }
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        for (key, row) in self.decoded::<ProofRow>(Table::Proofs)? {
            self.expect(key == proofs::key(JobType::Single, row.first, row.last), || {
                format!("the proof of block {} is in a wrong place", row.first)
            });
            self.blobs.push((BlobLabel::range(BlobKind::SingleProof, row.first, row.last), row.body));
        }
        for (key, row) in self.decoded::<ProofRow>(Table::AggregatedProofs)? {
            self.expect(key == proofs::key(JobType::Aggregated, row.first, row.last), || {
                format!("the aggregated proof of {} to {} is in a wrong place", row.first, row.last)
            });
            self.blobs.push((BlobLabel::range(BlobKind::AggregatedProof, row.first, row.last), row.body));
        }
        let mut previous = None;
        for (key, row) in self.decoded::<AggregatedOperationRecord>(Table::AggregatedOperations)? {
            let AggregatedOperationRecord { action, first, last, .. } = row;
            let apart = previous.is_none_or(|(before, end)| before != action || end < first);
            self.expect(apart && key == keys::operation(action as u8, last), || {
                format!("the {action:?} of {first} to {last} is in a wrong place")
            });
            previous = Some((action, last));
            self.blobs.push((BlobLabel::range(BlobKind::AggregatedOperation, first, last), row.body));
        }
        for (_, row) in self.decoded::<RejectedRow>(Table::Rejected)? {
            self.blobs.push((BlobLabel::block(BlobKind::RejectedProof, 0), row.body));
        }
        Ok(())
    }

    fn files(&mut self) -> Result<(), StoreError> {
        let mut owned = BTreeSet::new();
        let mut found = Vec::new();
        for (owner, body) in &self.blobs {
            if let BlobRef::File { id, .. } = body
                && !owned.insert(*id)
            {
                found.push(Finding::inconsistency(
                    owner.to_string(),
                    "its file belongs to another record as well",
                ));
            }
            if self.store.core().blobs.path(body).is_some_and(|path| !path.exists()) {
                found.push(bad_body(*owner, "its file is missing"));
            }
        }
        self.findings.append(&mut found);
        let listed: BTreeSet<Vec<u8>> = self.entries(Table::Blobs)?.into_iter().map(|(key, _)| key).collect();
        let owned: BTreeSet<Vec<u8>> = owned.into_iter().map(|id| keys::body(id).to_vec()).collect();
        self.expect(listed == owned, || "`bodies` does not agree with the records".into());
        Ok(())
    }

    /// Every body that is there: its file, its hash, its content.
    fn read_bodies(&mut self) {
        for (owner, body) in &self.blobs {
            let blobs = &self.store.core().blobs;
            if blobs.path(body).is_some_and(|path| !path.exists()) {
                continue;
            }
            if let Err(error) = self.store.read_blob(body) {
                self.findings.push(bad_body(*owner, plain(&error)));
            } else if let Some(label) = blobs.label(body).filter(|label| label != owner) {
                let what = format!("its file says that it is the {label}");
                self.findings.push(Finding::inconsistency(owner.to_string(), what));
            }
        }
    }

    /// Files that no record owns.
    fn strangers(&mut self) -> Result<(), StoreError> {
        let file = |body: &BlobRef| match body {
            BlobRef::File { id, .. } => Some(*id),
            BlobRef::Inline { .. } => None,
        };
        let owned: BTreeSet<u64> = self.blobs.iter().filter_map(|(_, body)| file(body)).collect();
        let names = self.store.core().blobs.names().map_err(StoreError::io("listing the body files"))?;
        for (name, _) in names {
            let place = format!("blobs/{name}");
            match file_id(&name) {
                Some(id) if owned.contains(&id) => {}
                Some(_) => self.findings.push(Finding::left_over(place, "it has no owner")),
                None if name.ends_with(".tmp") => {
                    self.findings.push(Finding::left_over(place, "it was not finished"))
                }
                None => self.findings.push(not_ours(place)),
            }
        }
        Ok(())
    }

    fn journal(&mut self, reverted: Option<u32>) -> Result<(), StoreError> {
        let mut reading = Reading::of(&self.store.dir().join("journal"))?;
        self.findings.extend(journal_damage(&reading));
        if !reading.present {
            return Ok(());
        }
        if let Some(to) = reverted {
            reading.replay.revert(to);
        }
        let kept: BTreeSet<Item> = self
            .blobs
            .iter()
            .filter(|(label, _)| is_kept(label.kind))
            .map(|(label, body)| Item { label: *label, hash: body.frame_hash() })
            .collect();
        for (item, entry) in &reading.replay.items {
            if kept.contains(item) {
                continue;
            }
            let finding = Finding::damage(item.label.to_string(), "the journal has it and the index has not");
            self.findings.push(if reading.acknowledged.is_some_and(|place| place <= entry.place) {
                Finding { severity: Severity::LeftOver, ..finding }.meaning(
                    "nobody was told that it is stored",
                    "the next start forgets it, a repair takes it up",
                )
            } else {
                finding.meaning("the index has lost it", "a repair takes it from the journal")
            });
        }
        for item in kept.iter().filter(|item| !reading.replay.items.contains_key(item)) {
            let finding = Finding::inconsistency(item.label.to_string(), "the journal lacks it");
            let finding =
                finding.meaning("there is one copy of it instead of two", "a repair writes the journal anew");
            self.findings.push(finding);
        }
        Ok(())
    }

    fn expect(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.findings.push(Finding::inconsistency("index", finding()));
        }
    }

    /// A number of `meta`; one that cannot be read is a finding.
    fn number(&mut self, key: &[u8]) -> u32 {
        self.store.core().kv.meta_number(key).unwrap_or_else(|error| {
            self.findings.push(Finding::entry(Table::Meta, key, plain(&error)).derived());
            0
        })
    }

    /// Whether there is such an entry; one that cannot be looked at is a finding of its table's scan.
    fn contains(&self, table: Table, key: &[u8]) -> bool {
        self.store.core().kv.contains(table, key).unwrap_or(true)
    }

    /// All readable entries of a table.
    fn entries(&mut self, table: Table) -> Result<Vec<Entry>, StoreError> {
        let mut scan = Scan::new(&self.store.core().kv, table);
        let mut all = Vec::new();
        while let Some(page) = scan.next_page() {
            all.extend(page);
        }
        self.findings.append(&mut scan.findings);
        Ok(all)
    }

    /// All records of a table that decode.
    fn decoded<T: DeserializeOwned>(&mut self, table: Table) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut records = Vec::new();
        for (key, payload) in self.entries(table)? {
            match codec::from_body_bytes("it", &payload) {
                Ok(record) => records.push((key, record)),
                Err(error) => self.findings.push(Finding::entry(table, &key, plain(&error))),
            }
        }
        Ok(records)
    }

    /// The same by the number that is the key.
    fn numbered<T: DeserializeOwned>(&mut self, table: Table) -> Result<BTreeMap<u32, T>, StoreError> {
        let records = self.decoded(table)?;
        Ok(records.into_iter().filter_map(|(key, row)| Some((keys::head_number(&key)?, row))).collect())
    }
}

/// What the journal says of itself.
pub(crate) fn journal_damage(reading: &Reading) -> Vec<Finding> {
    if !reading.present {
        let finding = Finding::left_over("journal", "there is none");
        return vec![finding.meaning("an older version wrote the folder", "the next start makes one")];
    }
    let damage = |(file, what): &(String, String)| {
        let finding = Finding::damage(format!("journal/{file}"), what);
        finding.meaning("it is the second copy of what the index has", "a repair writes the journal anew")
    };
    reading.damage.iter().map(damage).collect()
}

/// Whether bodies of this kind cannot be made again.
pub(crate) fn is_kept(kind: BlobKind) -> bool {
    use BlobKind::{AggregatedOperation, AggregatedProof, Block, Genesis, SingleProof};
    matches!(kind, Genesis | Block | AggregatedOperation | SingleProof | AggregatedProof)
}

/// A body that cannot be read.
pub(crate) fn bad_body(owner: BlobLabel, what: impl std::fmt::Display) -> Finding {
    let finding = Finding::damage(owner.to_string(), what);
    match owner.kind {
        kind if is_kept(kind) => finding,
        BlobKind::RejectedProof => {
            finding.meaning("it was kept for inspection only", "a repair leaves it out")
        }
        _ => finding.derived(),
    }
}

/// A file that this program did not make.
pub(crate) fn not_ours(place: String) -> Finding {
    Finding::left_over(place, "it has no name of this program")
        .meaning("nothing reads it", "it is left alone")
}

/// What is wrong, without the advice of the error.
pub(crate) fn plain(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt { what } => what.clone(),
        error => error.to_string(),
    }
}
