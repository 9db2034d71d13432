//! Reasons why a prover gets no jobs: a suspension after refused proofs, a block by an operator, or
//! a pause of all claims.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::domain::AttemptOutcome;
use crate::store::error::StoreError;
use crate::store::kv::batch::Batch;
use crate::store::kv::keys::meta;
use crate::store::kv::table::Table;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::MAX_PROVER_NAME;
use crate::store::queue::prover_record::ProverRecord;

/// Longest suspension of a prover.
pub(crate) const MAX_SUSPENSION: Duration = Duration::from_secs(3_600);

/// The reason why a claim is answered as if the queue were empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// An operator has paused all claims.
    Paused,
    /// An operator has blocked the prover.
    Blocked,
    /// The prover is suspended after refused proofs.
    Suspended,
    /// The prover holds as many jobs as one prover may.
    Limit,
}

impl Withheld {
    /// Returns the label of the metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Blocked => "blocked",
            Self::Suspended => "suspended",
            Self::Limit => "limit",
        }
    }
}

impl ProverRecord {
    /// Returns the rest of the suspension in milliseconds; 0 if the prover is not suspended.
    pub fn suspended_ms(&self, now_ms: u64) -> u64 {
        let left = self.suspended_until_ms.saturating_sub(now_ms);
        // Otherwise the clock was set back.
        if u128::from(left) <= MAX_SUSPENSION.as_millis() { left } else { 0 }
    }

    /// Returns the reason why the prover gets no job.
    pub(crate) fn withheld(&self, now_ms: u64) -> Option<Withheld> {
        match self {
            Self { blocked_at_ms: Some(_), .. } => Some(Withheld::Blocked),
            _ if self.suspended_ms(now_ms) > 0 => Some(Withheld::Suspended),
            _ => None,
        }
    }
}

impl JobQueue {
    /// Returns the numbers of suspended and of blocked provers.
    pub fn withheld_provers(&self) -> (u64, u64) {
        let now_ms = self.core.now_ms();
        let provers = self.prover_table();
        let number = |reason| {
            provers.all().values().filter(|prover| prover.withheld(now_ms) == Some(reason)).count() as u64
        };
        (number(Withheld::Suspended), number(Withheld::Blocked))
    }

    /// Returns up to `limit` suspended or blocked provers, by name.
    pub fn first_withheld(&self, limit: usize) -> Vec<(String, ProverRecord)> {
        let now_ms = self.core.now_ms();
        let provers = self.prover_table();
        let withheld = provers.all().iter().filter(|(_, prover)| prover.withheld(now_ms).is_some());
        withheld.take(limit).map(|(name, prover)| (name.clone(), prover.clone())).collect()
    }

    /// Keeps a prover from getting jobs, and ends its leases: its jobs can be claimed by others.
    /// Returns false if it was blocked already; durable on return.
    pub fn block_prover(&self, prover: &str) -> Result<bool, StoreError> {
        check_name(prover)?;
        self.core.ready()?;
        let mut leases = self.lock();
        let now_ms = self.core.now_ms();
        // The record of a prover that was never seen has no times.
        let before = self.prover_table().all().get(prover).cloned().unwrap_or_default();
        let was_blocked = before.blocked_at_ms.is_some();
        let blocked = ProverRecord { blocked_at_ms: before.blocked_at_ms.or(Some(now_ms)), ..before };
        self.set_prover(prover, blocked)?;
        leases.forget_cut(prover);
        let ids = leases.of_holder(prover);
        self.change_held(&mut leases, &ids, AttemptOutcome::Ended, |job| job.release(prover))?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)?;
        Ok(!was_blocked)
    }

    /// Ends the block and the suspension of a prover. Returns false if it had neither; durable on
    /// return.
    pub fn unblock_prover(&self, prover: &str) -> Result<bool, StoreError> {
        check_name(prover)?;
        self.core.ready()?;
        let leases = self.lock();
        let before = self.prover_table().all().get(prover).cloned();
        let Some(before) = before else { return Ok(false) };
        let changed = before.withheld(self.core.now_ms()).is_some() || before.refused_in_row > 0;
        let free = ProverRecord { blocked_at_ms: None, suspended_until_ms: 0, refused_in_row: 0, ..before };
        self.set_prover(prover, free)?;
        let generation = self.core.kv.generation();
        drop(leases);
        self.core.sync_generation(generation)?;
        Ok(changed)
    }

    /// Answers every claim as if the queue were empty until [`JobQueue::resume`]. Returns false if
    /// claims were paused already; durable on return.
    pub fn pause(&self) -> Result<bool, StoreError> {
        self.set_paused(Some(self.core.now_ms()))
    }

    /// Ends a pause. Returns false if claims were not paused; durable on return.
    pub fn resume(&self) -> Result<bool, StoreError> {
        self.set_paused(None)
    }

    /// Returns the time since which claims are paused, in milliseconds since 1970; `None` if they
    /// are not.
    pub fn paused_at_ms(&self) -> Result<Option<u64>, StoreError> {
        self.core.kv.get(Table::Meta, meta::PAUSED_AT)
    }

    /// Suspends a prover after a refused proof, and adds its record to the transaction. Returns the
    /// time of the suspension in milliseconds.
    pub(crate) fn suspend(&self, prover: &str, batch: &mut Batch) -> Result<u64, StoreError> {
        let now_ms = self.core.now_ms();
        let mut provers = self.prover_table();
        let mut suspended_ms = 0;
        if let Some(prover) = provers.seen(prover, now_ms) {
            prover.refused_in_row = prover.refused_in_row.saturating_add(1);
            let delay = Backoff::new(self.refusal_backoff, MAX_SUSPENSION).delay(prover.refused_in_row);
            suspended_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            prover.suspended_until_ms = now_ms.saturating_add(suspended_ms);
        }
        provers.write(batch, std::iter::once(prover))?;
        Ok(suspended_ms)
    }

    fn set_prover(&self, name: &str, prover: ProverRecord) -> Result<(), StoreError> {
        if !self.prover_table().make_room(name) {
            return Err(StoreError::TooLarge { what: "the list of blocked provers".into() });
        }
        let mut batch = Batch::new();
        batch.put(Table::Provers, name.as_bytes(), &prover)?;
        self.core.apply(batch)?;
        self.prover_table().put(name, prover);
        Ok(())
    }

    fn set_paused(&self, at_ms: Option<u64>) -> Result<bool, StoreError> {
        self.core.ready()?;
        let queue = self.lock();
        let before = self.paused_at_ms()?;
        if before.is_some() != at_ms.is_some() {
            let mut batch = Batch::new();
            match at_ms {
                Some(at_ms) => batch.put(Table::Meta, meta::PAUSED_AT, &at_ms)?,
                None => batch.remove(Table::Meta, meta::PAUSED_AT),
            }
            self.core.apply(batch)?;
        }
        let generation = self.core.kv.generation();
        drop(queue);
        self.core.sync_generation(generation)?;
        Ok(before.is_some() != at_ms.is_some())
    }
}

fn check_name(prover: &str) -> Result<(), StoreError> {
    if prover.is_empty() || prover.len() > MAX_PROVER_NAME {
        return Err(StoreError::TooLarge { what: "the name of the prover".into() });
    }
    Ok(())
}
