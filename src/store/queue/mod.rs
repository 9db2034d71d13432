//! Jobs, leases, accepted and rejected proofs, retention, and queries about them.

pub(crate) mod claims;
pub(crate) mod job_data;
pub(crate) mod job_queue;
pub(crate) mod jobs;
#[cfg(test)]
pub(crate) mod lease_tests;
pub(crate) mod leases;
pub(crate) mod proofs;
#[cfg(test)]
pub(crate) mod queue_model_tests;
#[cfg(test)]
pub(crate) mod queue_tests;
pub(crate) mod rejected;
pub(crate) mod retention;
pub(crate) mod standing;
