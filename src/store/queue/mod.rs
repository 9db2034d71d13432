//! Jobs, leases, accepted and rejected proofs, retention, and queries about them.
//!
//! | file | content |
//! | --- | --- |
//! | `job_queue` | the type [`JobQueue`](crate::store::JobQueue) and its lock |
//! | `job_record`, `proof_record` | the stored bytes of jobs and proofs |
//! | `job_index` | the indexes and counters that change with a job |
//! | `leases` | the leases of this run, in memory |
//! | `attempt_record`, `attempt_log`, `attempt_queries` | the attempts of provers, in progress and ended |
//! | `prover_record`, `prover_table`, `provers` | provers: statistics, suspension, block |
//! | `old_index` | replacement of the indexes of earlier versions |
//! | `transitions` | changes of record, indexes and lease together |
//! | `new_jobs`, `job_data` | creation of jobs, and their data |
//! | `claims`, `heartbeats` | claim and release; heartbeat |
//! | `refuse`, `refusal_record` | the consequences of a refused proof |
//! | `suspension` | suspended and blocked provers, paused claims |
//! | `sender`, `publisher` | the prover that sent a proof, if it is known |
//! | `expiry` | the end of leases and of backoffs |
//! | `publish`, `proofs`, `rejected` | accepted and rejected proofs |
//! | `hand_back` | the proofs that the node's database still lacks |
//! | `operators` | requeue, drop, retry |
//! | `job_queries` | queries about jobs and leases |
//! | `unproven` | blocks that need a proof, and those that cannot get one |
//! | `retention` | removal of witnesses and jobs of verified blocks |

pub(crate) mod attempt_log;
pub(crate) mod attempt_queries;
pub(crate) mod attempt_record;
#[cfg(test)]
mod attempts_tests;
pub(crate) mod claims;
pub(crate) mod expiry;
pub(crate) mod hand_back;
pub(crate) mod heartbeats;
pub(crate) mod job_data;
pub(crate) mod job_index;
pub(crate) mod job_queries;
pub(crate) mod job_queue;
pub(crate) mod job_record;
#[cfg(test)]
mod lease_tests;
pub(crate) mod leases;
pub(crate) mod new_jobs;
pub(crate) mod old_index;
pub(crate) mod operators;
pub(crate) mod proof_record;
pub(crate) mod proofs;
#[cfg(test)]
mod proofs_tests;
pub(crate) mod prover_record;
pub(crate) mod prover_table;
pub(crate) mod provers;
pub(crate) mod publish;
pub(crate) mod publisher;
#[cfg(test)]
mod queue_model_tests;
#[cfg(test)]
mod queue_tests;
pub(crate) mod refusal_record;
pub(crate) mod refuse;
#[cfg(test)]
mod refuse_tests;
pub(crate) mod rejected;
pub(crate) mod retention;
pub(crate) mod sender;
pub(crate) mod suspension;
pub(crate) mod transitions;
pub(crate) mod unproven;
