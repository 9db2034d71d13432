//! Looking for contradictions: every record is decoded, indexes and counters are compared with what a full scan says.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::aggregated_operations::AggregatedOperationRecord;
use super::batch::Table;
use super::blocks::{BlockRow, Quarantine};
use super::body::BodyRef;
use super::delta::{ACCOUNTS, DeltaLog, DeltaRow, TREE};
use super::error::StoreError;
use super::jobs::{JobCounts, JobDataRef, JobRow, index_keys};
use super::keys::{self, meta};
use super::proofs::{self, ProofRow};
use super::rejected::RejectedRow;
use super::witnesses::WitnessRow;
use super::{Store, codec};
use crate::domain::job::{JobStatus, JobType};
use crate::tree::source::Entry;

const PAGE: usize = 1_000;

/// A scan in progress.
struct Check<'a> {
    store: &'a Store,
    findings: Vec<String>,
    /// Every body that a record owns.
    bodies: Vec<(String, BodyRef)>,
}

impl Store {
    /// Everything that does not fit together, as sentences; empty when all is well. Reads all records, so it is for tests and
    /// operators only, and the store must not be written meanwhile.
    pub fn check_indexes(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.check()?.findings)
    }

    /// As [`Store::check_indexes`], and every body is read and checked against its hash.
    pub fn check_everything(&self) -> Result<Vec<String>, StoreError> {
        let mut check = self.check()?;
        for (owner, body) in std::mem::take(&mut check.bodies) {
            if let Err(error) = self.read_body(&body) {
                check.findings.push(format!("{owner}: {error}"));
            }
        }
        Ok(check.findings)
    }

    fn check(&self) -> Result<Check<'_>, StoreError> {
        let mut check = Check { store: self, findings: Vec::new(), bodies: Vec::new() };
        check.chain()?;
        check.queue()?;
        check.rest()?;
        check.files()?;
        Ok(check)
    }
}

impl Check<'_> {
    fn chain(&mut self) -> Result<(), StoreError> {
        let (head, tree_head) = (self.store.head()?, self.store.tree_head()?);
        self.expect(tree_head <= head, || format!("the tree is at block {tree_head}, the chain at {head}"));
        if let Some(body) = self.store.genesis_body_ref()? {
            self.bodies.push(("genesis".into(), body));
        }
        let blocks: BTreeMap<u32, BlockRow> = self.numbered(Table::Blocks)?;
        self.expect(blocks.keys().copied().eq(1..=head), || format!("the blocks are not 1 to {head}"));
        for (number, row) in blocks {
            self.expect(row.number == number, || format!("block {number} says it is {}", row.number));
            self.bodies.push((format!("block {number}"), row.body));
            self.bodies.push((format!("block {number}"), row.extra));
        }
        let witnesses: BTreeMap<u32, WitnessRow> = self.numbered(Table::Witnesses)?;
        for (number, row) in witnesses {
            self.expect(number <= tree_head, || {
                format!("the witness of block {number} is ahead of the tree")
            });
            self.bodies.push((format!("witness {number}"), row.body));
        }
        let quarantined: BTreeMap<u32, Quarantine> = self.numbered(Table::Quarantine)?;
        for number in quarantined.into_keys() {
            self.expect((1..=head).contains(&number), || {
                format!("block {number} is quarantined and missing")
            });
        }
        self.log(&ACCOUNTS, head)?;
        self.log(&TREE, tree_head)?;
        for table in [Table::Accounts, Table::AccountTree] {
            self.entries(table)?;
        }
        Ok(())
    }

    fn log(&mut self, log: &DeltaLog, head: u32) -> Result<(), StoreError> {
        let rows: BTreeMap<u32, DeltaRow> = self.numbered(log.log)?;
        let first = rows.keys().next().copied().unwrap_or(head.saturating_add(1));
        self.expect(rows.keys().copied().eq(first..=head), || {
            format!("`{}` is not {first} to {head}", log.log.name())
        });
        let applied = self.store.db.meta_number(log.applied_key)?;
        self.expect(applied == head, || format!("`{}` is at block {applied}, not {head}", log.target.name()));
        for (number, row) in rows {
            self.bodies.push((format!("`{}` {number}", log.log.name()), row.delta));
        }
        Ok(())
    }

    fn queue(&mut self) -> Result<(), StoreError> {
        let jobs: BTreeMap<u32, JobRow> = self.numbered(Table::Jobs)?;
        let mut counts = JobCounts::default();
        let mut index = BTreeSet::new();
        let queue = self.store.lock_queue();
        let leases: BTreeSet<u32> = queue.jobs().collect();
        let waiting: BTreeSet<u32> =
            jobs.keys().copied().filter(|id| queue.waits_until(*id).is_some()).collect();
        drop(queue);
        let next = self.store.db.meta_number(meta::NEXT_JOB)?;
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
            let proven = self.store.db.contains(proofs::table(row.job_type), &key)?;
            self.expect(proven == (row.status == JobStatus::Done), || {
                format!("job {id} is {:?} and its proof says otherwise", row.status)
            });
            match &row.data {
                JobDataRef::Body(body) => self.bodies.push((format!("job {id}"), body.clone())),
                JobDataRef::Witness => {
                    let there = self.store.db.contains(Table::Witnesses, &keys::number(row.first))?;
                    self.expect(there || row.status == JobStatus::Done, || {
                        format!("job {id} has no witness")
                    });
                }
            }
        }
        let stored: BTreeSet<Vec<u8>> =
            self.entries(Table::JobIndex)?.into_iter().map(|(key, _)| key).collect();
        self.expect(stored == index, || "`job_index` does not agree with `jobs`".into());
        let stored = self.store.counts()?;
        self.expect(stored == counts, || format!("the counters say {stored:?}, the jobs {counts:?}"));
        Ok(())
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        for (key, row) in self.decoded::<ProofRow>(Table::Proofs)? {
            self.expect(key == proofs::key(JobType::Single, row.first, row.last), || {
                format!("the proof of block {} is in a wrong place", row.first)
            });
            self.bodies.push((format!("proof {}", row.first), row.body));
        }
        for (key, row) in self.decoded::<ProofRow>(Table::AggregatedProofs)? {
            self.expect(key == proofs::key(JobType::Aggregated, row.first, row.last), || {
                format!("the aggregated proof of {} to {} is in a wrong place", row.first, row.last)
            });
            self.bodies.push((format!("aggregated proof {} to {}", row.first, row.last), row.body));
        }
        let mut previous = None;
        for (key, row) in self.decoded::<AggregatedOperationRecord>(Table::AggregatedOperations)? {
            let AggregatedOperationRecord { action, first, last, .. } = row;
            let apart = previous.is_none_or(|(before, end)| before != action || end < first);
            self.expect(apart && key == keys::operation(action as u8, last), || {
                format!("the {action:?} of {first} to {last} is in a wrong place")
            });
            previous = Some((action, last));
            self.bodies.push((format!("{action:?} {first} to {last}"), row.body));
        }
        for (number, row) in self.numbered::<RejectedRow>(Table::Rejected)? {
            self.bodies.push((format!("rejected proof {number}"), row.body));
        }
        Ok(())
    }

    fn files(&mut self) -> Result<(), StoreError> {
        let mut owned = BTreeSet::new();
        let mut shared = Vec::new();
        for (owner, body) in &self.bodies {
            if let BodyRef::File { id, .. } = body
                && !owned.insert(*id)
            {
                shared.push(format!("{owner}: its file belongs to another record as well"));
            }
            if self.store.bodies.path(body).is_some_and(|path| !path.exists()) {
                shared.push(format!("{owner}: its file is missing"));
            }
        }
        self.findings.extend(shared);
        let listed: BTreeSet<Vec<u8>> =
            self.entries(Table::Bodies)?.into_iter().map(|(key, _)| key).collect();
        let owned: BTreeSet<Vec<u8>> = owned.into_iter().map(|id| keys::body(id).to_vec()).collect();
        self.expect(listed == owned, || "`bodies` does not agree with the records".into());
        Ok(())
    }

    fn expect(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.findings.push(finding());
        }
    }

    /// All entries of a table; an unreadable one is a finding and ends the table.
    fn entries(&mut self, table: Table) -> Result<Vec<Entry>, StoreError> {
        let mut all: Vec<Entry> = Vec::new();
        let mut from = Vec::new();
        loop {
            let page = match self.store.db.range_raw(table, &from, &[0xff; 64], PAGE) {
                Ok(page) => page,
                Err(error @ StoreError::Corrupt { .. }) => {
                    self.findings.push(error.to_string());
                    return Ok(all);
                }
                Err(error) => return Err(error),
            };
            let Some((last, _)) = page.last() else { return Ok(all) };
            from = [last.as_slice(), &[0]].concat();
            all.extend(page);
        }
    }

    /// All records of a table that decode.
    fn decoded<T: DeserializeOwned>(&mut self, table: Table) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut records = Vec::new();
        for (key, payload) in self.entries(table)? {
            match codec::from_body_bytes(&format!("a record of `{}`", table.name()), &payload) {
                Ok(record) => records.push((key, record)),
                Err(error) => self.findings.push(error.to_string()),
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
