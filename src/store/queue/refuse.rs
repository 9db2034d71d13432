//! Refused proofs. A refused proof ends its attempt at once, and the job can be claimed again: by
//! another prover, if one has asked for a job lately.
//!
//! A refusal counts against the prover first. The attempt does not count for the job, which fails
//! only if the proofs of `max_attempts` provers, or as many proofs of one prover, were refused. The
//! prover is suspended: it gets no job for a while, twice as long after each further refusal until
//! one of its proofs is accepted or an operator ends the suspension.

use crate::domain::AttemptOutcome;
use crate::domain::job::JobStatus;
use crate::store::error::StoreError;
use crate::store::kv::keys::attempts;
use crate::store::kv::table::Table;
use crate::store::queue::attempt_record::AttemptEnd;
use crate::store::queue::job_index::JobChanges;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::JobRow;
use crate::store::queue::sender::Sender;
use crate::store::queue::transitions::{Transition, report_failed};

/// The consequences of a refused proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The prover, if it is known.
    pub prover: Option<String>,
    /// True if the proof ended the lease of the prover.
    pub ended: bool,
    /// True if the job has failed.
    pub failed: bool,
    /// Time for which the prover gets no job, in milliseconds; 0 for none.
    pub suspended_ms: u64,
}

impl JobQueue {
    /// Ends the attempt of a refused proof, and suspends its prover.
    pub fn refuse(&self, id: u32, sender: &Sender, reason: &str) -> Result<Refusal, StoreError> {
        self.core.ready()?;
        let mut leases = self.lock();
        let Some(old) = self.job_row(id)? else { return Ok(Refusal::default()) };
        let prover = self.publisher(&leases, &old, sender)?;
        let Some(prover) = prover else { return Ok(Refusal::default()) };
        self.count_rejected(&prover);
        let mut refusal = Refusal { prover: Some(prover.clone()), ..Refusal::default() };
        if old.status == JobStatus::Done {
            return Ok(refusal);
        }
        let end = AttemptEnd { outcome: AttemptOutcome::Refused, reason: Some(reason.to_owned()) };
        let mut refusals = leases.refusals(id).cloned().unwrap_or_default();
        refusals.add(&prover);
        let mut changes = JobChanges::begin(&self.core.kv)?;
        let mut job = self.state_of(&old, &leases);
        let mut changed = None;
        if job.refuse(&prover, refusals.used_up(self.policy.max_attempts)) {
            (refusal.ended, refusal.failed) = (true, job.status() == JobStatus::Failed);
            let new = old.clone();
            changed = Some(self.change(&mut changes, Transition { old: old.clone(), new, job, end })?);
        } else {
            changes.end_late_attempt(id, &prover, &end, self.core.now_ms())?;
        }
        // A second proof of the same attempt counts for nothing.
        if changes.attempts.ended.is_empty() && !refusal.ended {
            return Ok(refusal);
        }
        changes.batch.put(Table::Attempts, &attempts::refusals(id), &refusals)?;
        refusal.suspended_ms = self.suspend(&prover, &mut changes.batch)?;
        self.core.apply(self.finished(changes)?)?;
        if let Some((id, state)) = changed {
            leases.set(id, state, self.core.now_ms());
        }
        if refusal.failed {
            // The refused attempt does not count.
            let attempts = old.attempts.saturating_sub(1);
            report_failed(&JobRow { attempts, ..old }, Some(&refusals));
        }
        leases.set_refusals(id, refusals);
        let outcome = if refusal.failed { "failed" } else { "refused" };
        if refusal.ended {
            self.core.metrics.leases_ended.add(outcome, 1);
        }
        Ok(refusal)
    }
}
