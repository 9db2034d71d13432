//! The prover that published a proof, if it can be determined.

use crate::store::error::StoreError;
use crate::store::queue::job_queue::JobQueue;
use crate::store::queue::job_record::{JobRow, MAX_PROVER_NAME};
use crate::store::queue::leases::Leases;
use crate::store::queue::sender::Sender;

/// Number of ended attempts of a job that are searched for the prover of a late proof.
const SEARCHED: usize = 32;

impl JobQueue {
    /// Returns the prover that published a proof for a job: the one that the message names, or the
    /// one whose messages came over the same connection. If neither determines it, because a proxy
    /// sends the messages of many provers over one connection, or the connection is new, it is the
    /// holder of the lease, or the last holder.
    pub(crate) fn publisher(
        &self,
        leases: &Leases,
        job: &JobRow,
        sender: &Sender,
    ) -> Result<Option<String>, StoreError> {
        if let Some(name) = sender.name.as_ref().filter(|name| name.len() <= MAX_PROVER_NAME) {
            return Ok(Some(name.clone()));
        }
        let holder = leases.get(job.id).map(|held| &held.lease.holder);
        let over_connection =
            sender.connection.as_ref().map(|connection| connection.provers()).unwrap_or_default();
        match &over_connection[..] {
            [] => {}
            [only] => return Ok(Some(only.clone())),
            several if holder.is_some_and(|holder| several.contains(holder)) => {}
            several => {
                let mut attempts = self.attempts_of_job(job.id, SEARCHED)?.into_iter();
                let earlier = attempts.find(|attempt| several.contains(&attempt.prover));
                if let Some(earlier) = earlier {
                    return Ok(Some(earlier.prover));
                }
            }
        }
        Ok(holder.or(job.holder.as_ref()).cloned())
    }
}
