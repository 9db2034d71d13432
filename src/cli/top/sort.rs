//! The orders of the lists of `top`.

use std::cmp::Reverse;

use clap::ValueEnum;

use crate::api::views::{JobView, ProverView};

/// The order of jobs and provers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Jobs by id, provers by name
    #[default]
    Name,
    /// The longest without a heartbeat or a request first
    Silence,
    /// The most attempts or rejected proofs first; blocked and suspended provers before the others
    Trouble,
}

impl Sort {
    /// Returns the name on the screen.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Silence => "silence",
            Self::Trouble => "trouble",
        }
    }

    /// Returns the order that follows if the key is pressed.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Name => Self::Silence,
            Self::Silence => Self::Trouble,
            Self::Trouble => Self::Name,
        }
    }

    /// Returns the jobs in this order.
    pub(crate) fn jobs(self, jobs: &[JobView]) -> Vec<JobView> {
        let mut sorted = jobs.to_vec();
        match self {
            Self::Name => sorted.sort_by_key(|job| job.id),
            Self::Silence => sorted.sort_by_key(|job| job.last_heartbeat_ms.unwrap_or(job.updated_at_ms)),
            Self::Trouble => sorted.sort_by_key(|job| Reverse(job.attempts)),
        }
        sorted
    }

    /// Returns the provers in this order.
    pub(crate) fn provers(self, provers: &[ProverView]) -> Vec<ProverView> {
        let mut sorted = provers.to_vec();
        match self {
            Self::Name => sorted.sort_by(|one, other| one.name.cmp(&other.name)),
            Self::Silence => sorted.sort_by_key(|prover| prover.last_seen_ms),
            Self::Trouble => sorted.sort_by_key(|prover| {
                let withheld = prover.blocked_at_ms.or(prover.suspended_until_ms).is_some();
                Reverse((withheld, prover.rejected))
            }),
        }
        sorted
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_order_puts_another_entry_first() {
        let job = |id: i32, attempts: u32, heartbeat_ms: u64| {
            serde_json::from_value(
                json!({"id": id, "type": "SINGLE_PROOF", "status": "in_progress", "priority": 1,
                "first_block": id, "last_block": id, "attempts": attempts, "created_at_ms": 0, "updated_at_ms": 9,
                "last_heartbeat_ms": heartbeat_ms}),
            )
        };
        let jobs: Vec<JobView> = vec![job(1, 1, 7).unwrap(), job(2, 3, 8).unwrap(), job(3, 2, 6).unwrap()];
        let prover = |name: &str, last_seen_ms: u64, rejected: u64, blocked_at_ms: Option<u64>| ProverView {
            name: name.to_owned(),
            last_seen_ms,
            rejected,
            blocked_at_ms,
            ..ProverView::default()
        };
        let provers = [prover("a", 2, 5, None), prover("b", 3, 0, Some(1)), prover("c", 1, 6, None)];
        let mut sort = Sort::default();
        for (ids, names) in
            [([1, 2, 3], ["a", "b", "c"]), ([3, 1, 2], ["c", "a", "b"]), ([2, 3, 1], ["b", "c", "a"])]
        {
            assert_eq!(sort.jobs(&jobs).iter().map(|job| job.id).collect::<Vec<_>>(), ids, "{sort:?}");
            let sorted = sort.provers(&provers);
            assert_eq!(sorted.iter().map(|prover| &*prover.name).collect::<Vec<_>>(), names, "{sort:?}");
            sort = sort.next();
        }
        assert_eq!(sort, Sort::Name);
    }
}
