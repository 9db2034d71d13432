//! Histories of a job queue: what clients asked, when, and what they were answered; and the checker
//! that compares them with the lease machine.
//!
//! A call takes effect at one moment between its invocation and its answer. The checker reports
//! only what no choice of these moments explains. An answer may be missing, if the server was
//! killed or failed; then the call took effect once or never.

use std::collections::BTreeMap;
use std::fmt::Debug;

/// A moment, in microseconds since the start of the history.
pub type Micros = u64;

/// A job: its first and last block, and true if it is aggregated. Ids may be given again after a
/// kill, because new jobs are not synced.
pub type Range = (u32, u32, bool);

/// A job with the id under which a client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: i32,
    pub range: Range,
}

#[derive(Clone, Debug)]
pub enum Call {
    Import {
        block: u32,
    },
    /// A prover claims once under its name.
    Claim {
        prover: String,
    },
    Heartbeat {
        prover: String,
        job: Job,
    },
    Publish {
        job: Job,
    },
    Stop {
        prover: String,
    },
    Requeue {
        job: Job,
    },
    Drop {
        job: Job,
    },
    Retry,
    /// A prover publishes a false proof, with its name.
    PublishFalse {
        prover: String,
        job: Job,
    },
    /// Jobs that are requeued together.
    RequeueMany {
        jobs: Vec<Job>,
    },
    /// A prover gets no more jobs, and loses its leases.
    Block {
        prover: String,
    },
    /// No prover gets a job until the pause ends.
    Pause,
    Resume,
    /// Everything that the queue shows, read while no other call is in progress.
    List,
}

#[derive(Clone, Debug)]
pub enum Answer {
    /// None that says what happened: the server was killed, or failed with 5xx.
    Unknown,
    Done,
    Claimed(Job),
    NothingToClaim,
    /// The code of the problem.
    Refused(String),
    Listed(Listing),
}

#[derive(Clone, Debug)]
pub struct Event {
    pub call: Call,
    pub answer: Answer,
    /// Invocation.
    pub from: Micros,
    /// Answer; the largest value if none came.
    pub to: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL: what was not synced is lost, leases among it.
    Killed,
    /// SIGTERM: leases are kept, but for the heartbeats of an eighth of their timeout.
    Stopped,
}

/// The job list and the counters.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Last imported block.
    pub head: u32,
    pub jobs: Vec<ListedJob>,
    /// Number of jobs by status, as counted by the server.
    pub counts: BTreeMap<String, u64>,
}

#[derive(Clone, Debug)]
pub struct ListedJob {
    pub job: Job,
    pub status: String,
    pub holder: Option<String>,
    pub attempts: u32,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub events: Vec<Event>,
    /// Ends of the server, each with the moment before the signal and the one after the restart.
    pub ends: Vec<(End, Micros, Micros)>,
    /// Time without a heartbeat after which a lease ends.
    pub timeout: Micros,
}

/// A claim that was answered with a job.
struct Claim<'a> {
    prover: &'a str,
    job: Job,
    from: Micros,
    to: Micros,
}

impl Event {
    /// Returns true unless the call certainly had no effect.
    fn may_be_done(&self) -> bool {
        !matches!(self.answer, Answer::Refused(_) | Answer::NothingToClaim)
    }

    /// Returns true unless the call certainly ended no lease. A refused proof ends the one of its
    /// prover.
    fn may_end(&self) -> bool {
        self.may_be_done() || matches!(self.call, Call::PublishFalse { .. })
    }

    fn is_done(&self) -> bool {
        matches!(self.answer, Answer::Done)
    }

    fn refused(&self) -> Option<&str> {
        match &self.answer {
            Answer::Refused(code) => Some(code),
            _ => None,
        }
    }

    /// Returns true if the call may have taken effect between two moments.
    fn touches(&self, from: Micros, to: Micros) -> bool {
        self.from <= to && self.to >= from
    }
}

impl History {
    /// Returns what contradicts the lease machine, a sentence each.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let claims = self.claims();
        self.check_holders(&claims, &mut found);
        self.check_heartbeats(&claims, &mut found);
        self.check_proofs(&claims, &mut found);
        self.check_dropped(&claims, &mut found);
        self.check_withheld(&claims, &mut found);
        self.check_listings(&claims, &mut found);
        found
    }

    /// Prints everything but the listings.
    pub fn print(&self) {
        println!("ends of the server: {:?}", self.ends);
        let calls = self.events.iter().filter(|event| !matches!(event.call, Call::List));
        calls.for_each(|Event { call, answer, from, to }| println!("{from}..{to} {call:?} {answer:?}"));
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let mut claims: Vec<Claim<'_>> = Vec::new();
        for event in &self.events {
            if let (Call::Claim { prover }, Answer::Claimed(job)) = (&event.call, &event.answer) {
                claims.push(Claim { prover, job: *job, from: event.from, to: event.to });
            }
        }
        claims.sort_by_key(|claim| (claim.from, claim.to));
        claims
    }

    fn was_killed(&self, from: Micros, to: Micros) -> bool {
        self.ends.iter().any(|(end, begin, after)| *end == End::Killed && *begin <= to && *after >= from)
    }

    fn was_stopped(&self, from: Micros, to: Micros) -> bool {
        self.ends.iter().any(|(_, begin, after)| *begin <= to && *after >= from)
    }

    /// Returns true if something other than the clock may have ended a prover's lease.
    fn may_have_ended(&self, claim: &Claim<'_>, from: Micros, to: Micros) -> bool {
        let ends = |event: &Event| match &event.call {
            Call::Stop { prover } | Call::Block { prover } => prover == claim.prover,
            Call::PublishFalse { prover, job } => prover == claim.prover && job.range == claim.job.range,
            Call::RequeueMany { jobs } => {
                jobs.iter().any(|job| job.range == claim.job.range || job.id == claim.job.id)
            }
            // After a kill, an operator's id may be that of another job.
            Call::Requeue { job } | Call::Drop { job } => {
                job.range == claim.job.range || job.id == claim.job.id
            }
            Call::Publish { job } => job.range == claim.job.range,
            _ => false,
        };
        self.was_killed(from, to)
            || self.events.iter().any(|event| ends(event) && event.may_end() && event.touches(from, to))
    }

    /// Returns the earliest moment at which the lease of a claim may end by the clock, as far as
    /// answers before a moment tell.
    fn earliest_expiry(&self, claim: &Claim<'_>, before: Micros) -> Micros {
        let renewed = self.events.iter().filter(|event| {
            matches!(&event.call, Call::Heartbeat { prover, job } if prover == claim.prover && job.range == claim.job.range)
                && event.is_done()
                && event.to <= before
        });
        let last = renewed.map(|event| event.from).fold(claim.from, Micros::max);
        let kept = if self.was_stopped(claim.from, before) { self.timeout / 8 * 7 } else { self.timeout };
        last + kept
    }

    /// One holder at a time, in each order in which two claims may have taken effect.
    fn check_holders(&self, claims: &[Claim<'_>], found: &mut Vec<String>) {
        let holds = |first: &Claim<'_>, second: &Claim<'_>| {
            !self.may_have_ended(first, first.from, second.to)
                && second.to < self.earliest_expiry(first, second.from)
        };
        for (index, first) in claims.iter().enumerate() {
            for second in claims[index + 1..].iter().filter(|second| second.job.range == first.job.range) {
                let overlap = second.from <= first.to;
                if holds(first, second) && (!overlap || holds(second, first)) {
                    found.push(format!(
                        "{:?} was given to {} although {} held it",
                        first.job.range, second.prover, first.prover
                    ));
                }
            }
        }
    }

    /// A heartbeat renews the lease of its sender only.
    fn check_heartbeats(&self, claims: &[Claim<'_>], found: &mut Vec<String>) {
        for event in &self.events {
            let Call::Heartbeat { prover, job } = &event.call else { continue };
            let own = claims.iter().find(|claim| claim.prover == prover && claim.job.range == job.range);
            let unknown = self.events.iter().any(|other| {
                matches!(&other.call, Call::Claim { prover: name } if name == prover)
                    && matches!(other.answer, Answer::Unknown)
            });
            let Some(own) = own else {
                if event.is_done() && !unknown {
                    found.push(format!(
                        "a heartbeat of {prover} renewed {:?}, which it never claimed",
                        job.range
                    ));
                }
                continue;
            };
            let later = claims
                .iter()
                .find(|claim| claim.job.range == job.range && claim.from > own.to && claim.to < event.from);
            if event.is_done()
                && let Some(later) = later
            {
                found.push(format!(
                    "a heartbeat of {prover} renewed {:?} after {} had claimed it",
                    job.range, later.prover
                ));
            }
            let lost = ["wrong_holder", "job_not_in_progress", "unknown_job"];
            if event.refused().is_some_and(|code| lost.contains(&code))
                && !self.may_have_ended(own, own.from, event.to)
                && event.to < self.earliest_expiry(own, event.from)
            {
                found.push(format!("{prover} lost {:?} without a reason: {:?}", job.range, event.answer));
            }
        }
    }

    /// One proof of a job is accepted, and stays.
    fn check_proofs(&self, claims: &[Claim<'_>], found: &mut Vec<String>) {
        let publishes = |range: Range| {
            self.events
                .iter()
                .filter(move |event| matches!(&event.call, Call::Publish { job } if job.range == range))
        };
        let mut accepted: BTreeMap<Range, &Event> = BTreeMap::new();
        for event in &self.events {
            let Call::Publish { job } = &event.call else { continue };
            if event.is_done() && accepted.insert(job.range, event).is_some() {
                found.push(format!("two proofs of {:?} were accepted", job.range));
            }
            let earlier = || {
                publishes(job.range)
                    .any(|other| !std::ptr::eq(other, event) && other.may_be_done() && other.from <= event.to)
            };
            match event.refused() {
                Some("duplicate_key") if !earlier() => {
                    found.push(format!("a proof of {:?} is a duplicate of none", job.range));
                }
                Some("unknown_job" | "proof_refused") => {
                    let since = claims
                        .iter()
                        .filter(|claim| claim.job == *job && claim.from <= event.from)
                        .map(|claim| claim.from)
                        .max()
                        .unwrap_or(0);
                    let dropped = self.events.iter().any(|other| {
                        matches!(&other.call, Call::Drop { job: dropped } if dropped.range == job.range)
                            && other.may_be_done()
                            && other.touches(since, event.to)
                    });
                    if !dropped && !self.was_killed(since, event.to) {
                        found.push(format!(
                            "{:?} is lost: its proof was answered {:?}",
                            job.range, event.answer
                        ));
                    }
                }
                _ => {}
            }
        }
        for claim in claims {
            if accepted.get(&claim.job.range).is_some_and(|event| event.to < claim.from) {
                found.push(format!("{:?} was given to {} after its proof", claim.job.range, claim.prover));
            }
        }
    }

    /// A dropped job is gone.
    fn check_dropped(&self, claims: &[Claim<'_>], found: &mut Vec<String>) {
        for event in self.events.iter().filter(|event| event.is_done()) {
            let Call::Drop { job } = &event.call else { continue };
            for claim in claims.iter().filter(|claim| claim.job == *job && claim.from > event.to) {
                if !self.was_killed(event.from, claim.to) {
                    found.push(format!("job {} was given to {} after it was dropped", job.id, claim.prover));
                }
            }
        }
    }

    /// A blocked prover gets no job, and nor does any prover during a pause. Both are durable.
    fn check_withheld(&self, claims: &[Claim<'_>], found: &mut Vec<String>) {
        for event in self.events.iter().filter(|event| event.is_done()) {
            let later = claims.iter().filter(|claim| claim.from > event.to);
            match &event.call {
                Call::Block { prover } => {
                    let given = later.filter(|claim| claim.prover == prover);
                    found.extend(
                        given.map(|claim| format!("{} is blocked and was given a job", claim.prover)),
                    );
                }
                Call::Pause => {
                    let resumed = |claim: &&Claim<'_>| {
                        self.events.iter().any(|other| {
                            matches!(other.call, Call::Resume)
                                && other.may_be_done()
                                && other.touches(event.from, claim.to)
                        })
                    };
                    let given = later.filter(|claim| !resumed(claim));
                    found.extend(given.map(|claim| format!("{} was given a job in a pause", claim.prover)));
                }
                _ => {}
            }
        }
    }

    fn check_listings(&self, claims: &[Claim<'_>], found: &mut Vec<String>) {
        for event in &self.events {
            let Answer::Listed(listing) = &event.answer else { continue };
            self.check_listing(event, listing, claims, found);
        }
    }

    fn check_listing(&self, event: &Event, listing: &Listing, claims: &[Claim<'_>], found: &mut Vec<String>) {
        let before = |other: &&Event| other.to < event.from;
        let mut counts: BTreeMap<String, u64> =
            ["idle", "in_progress", "done", "failed"].map(|status| (status.to_owned(), 0)).into();
        for job in &listing.jobs {
            *counts.entry(job.status.clone()).or_default() += 1;
        }
        if counts != listing.counts {
            found.push(format!("the counters are {:?}, the lists {counts:?}", listing.counts));
        }
        for other in self.events.iter().filter(before).filter(|other| other.is_done()) {
            match &other.call {
                Call::Import { block } if *block > listing.head => {
                    found.push(format!("block {block} is lost: the head is {}", listing.head));
                }
                Call::Publish { job } => {
                    let listed = listing.jobs.iter().find(|listed| listed.job.range == job.range);
                    if listed.is_none_or(|listed| listed.status != "done") {
                        found.push(format!("the proof of {:?} is lost: {listed:?}", job.range));
                    }
                }
                _ => {}
            }
        }
        let begun = || self.events.iter().filter(|other| other.from < event.to);
        let unknown = begun().filter(|other| {
            matches!(other.call, Call::Claim { .. }) && matches!(other.answer, Answer::Unknown)
        });
        let unknown: Vec<&str> = unknown
            .filter_map(|other| match &other.call {
                Call::Claim { prover } => Some(prover.as_str()),
                _ => None,
            })
            .collect();
        for listed in &listing.jobs {
            let range = listed.job.range;
            let may_be_proven = begun().any(|other| {
                matches!(&other.call, Call::Publish { job } if job.range == range) && other.may_be_done()
            });
            if listed.status == "done" && !may_be_proven {
                found.push(format!("{range:?} is done without a proof"));
            }
            let own = claims.iter().filter(|claim| claim.job.range == range && claim.from < event.to);
            let mut provers = own.clone().map(|claim| claim.prover).chain(unknown.iter().copied());
            let holder = listed.holder.as_deref();
            if listed.status == "in_progress" && !provers.any(|prover| Some(prover) == holder) {
                found.push(format!("{range:?} is held by {holder:?}, which never claimed it"));
            }
            let claimed = own.count() + unknown.len();
            if listed.attempts as usize > claimed {
                found.push(format!(
                    "{range:?} has {} attempts and was given to provers {claimed} times at most",
                    listed.attempts
                ));
            }
        }
    }
}
