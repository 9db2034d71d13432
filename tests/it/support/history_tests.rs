//! Histories that the checker must refuse, each beside one that it must accept.

use super::history::{Answer, Call, End, Event, History, Job, ListedJob, Listing, Micros};

const TIMEOUT: Micros = 1_000;
const JOB: Job = Job { id: 1, range: (1, 1, false) };

fn history(events: Vec<Event>) -> History {
    History { events, ends: Vec::new(), timeout: TIMEOUT }
}

fn event(call: Call, answer: Answer, from: Micros, to: Micros) -> Event {
    Event { call, answer, from, to }
}

fn claim(prover: &str, from: Micros, to: Micros) -> Event {
    event(Call::Claim { prover: prover.into() }, Answer::Claimed(JOB), from, to)
}

fn heartbeat(prover: &str, answer: Answer, from: Micros, to: Micros) -> Event {
    event(Call::Heartbeat { prover: prover.into(), job: JOB }, answer, from, to)
}

fn publish(answer: Answer, from: Micros, to: Micros) -> Event {
    event(Call::Publish { job: JOB }, answer, from, to)
}

fn refused(code: &str) -> Answer {
    Answer::Refused(code.into())
}

fn listing(status: &str, attempts: u32, at: Micros) -> Event {
    let job = ListedJob { job: JOB, status: status.into(), holder: Some("a".into()), attempts };
    let counts =
        ["idle", "in_progress", "done", "failed"].map(|name| (name.into(), u64::from(name == status)));
    let listing = Listing { head: 1, jobs: vec![job], counts: counts.into() };
    event(Call::List, Answer::Listed(listing), at, at + 10)
}

fn accepted(history: &History) {
    assert_eq!(history.contradictions(), Vec::<String>::new(), "{history:#?}");
}

fn contradicted(history: &History, by: &str) {
    let found = history.contradictions();
    assert!(found.iter().any(|sentence| sentence.contains(by)), "{by:?} is not in {found:?}");
}

#[test]
fn two_holders_at_a_time_are_refused() {
    let two = |from, to| history(vec![claim("a", 0, 10), claim("b", from, to)]);
    contradicted(&two(20, 30), "was given to b although a held it");
    contradicted(&two(5, 8), "was given to b although a held it");
    contradicted(&two(980, 999), "was given to b although a held it");
    // The first claim may have taken effect at 0, the second at 1,000.
    accepted(&two(980, 1_000));

    let with = |other: Event| history(vec![claim("a", 0, 10), other, claim("b", 40, 50)]);
    accepted(&with(event(Call::Stop { prover: "a".into() }, Answer::Done, 20, 30)));
    accepted(&with(event(Call::Stop { prover: "a".into() }, Answer::Unknown, 20, Micros::MAX)));
    accepted(&with(event(Call::Requeue { job: JOB }, Answer::Done, 20, 45)));
    contradicted(&with(event(Call::Stop { prover: "c".into() }, Answer::Done, 20, 30)), "a held it");
    contradicted(&with(event(Call::Stop { prover: "a".into() }, Answer::Done, 60, 70)), "a held it");
    contradicted(&with(event(Call::Requeue { job: JOB }, refused("overlap"), 20, 30)), "a held it");

    // The claim that began later may have taken effect, and its lease ended, before the other one.
    let overlapping =
        |other: Event| history(vec![claim("a", 0, 100), claim("b", 10, 20), other, claim("c", 150, 160)]);
    let stop = |prover: &str| event(Call::Stop { prover: prover.into() }, Answer::Done, 30, 40);
    contradicted(&overlapping(stop("c")), "was given to b although a held it");
    contradicted(&overlapping(stop("b")), "was given to c although a held it");
    let alone = |other: Event| history(vec![claim("a", 0, 100), claim("b", 10, 20), other]);
    accepted(&alone(stop("b")));
    contradicted(&alone(stop("c")), "was given to b although a held it");
}

#[test]
fn heartbeats_extend_a_lease_and_ends_of_the_server_shorten_it() {
    let beat = |to| {
        history(vec![claim("a", 0, 10), heartbeat("a", Answer::Done, 600, 610), claim("b", to - 10, to)])
    };
    contradicted(&beat(1_599), "a held it");
    accepted(&beat(1_600));
    let end = |end, to| History {
        ends: vec![(end, 20, 30)],
        ..history(vec![claim("a", 0, 10), claim("b", to - 10, to)])
    };
    accepted(&end(End::Killed, 60));
    contradicted(&end(End::Stopped, 60), "a held it");
    accepted(&end(End::Stopped, 900));
}

#[test]
fn renewals_by_others_and_leases_lost_without_a_reason_are_refused() {
    contradicted(&history(vec![heartbeat("a", Answer::Done, 0, 10)]), "which it never claimed");
    let other = vec![
        claim("a", 0, 10),
        event(Call::Requeue { job: JOB }, Answer::Done, 20, 30),
        claim("b", 40, 50),
        heartbeat("a", Answer::Done, 60, 70),
    ];
    contradicted(&history(other), "after b had claimed it");
    for code in ["wrong_holder", "job_not_in_progress", "unknown_job"] {
        let lost = |from, to| history(vec![claim("a", 0, 10), heartbeat("a", refused(code), from, to)]);
        contradicted(&lost(20, 30), "without a reason");
        accepted(&lost(990, 1_000));
    }
}

#[test]
fn second_proofs_and_lost_proofs_are_refused() {
    accepted(&history(vec![
        claim("a", 0, 10),
        publish(Answer::Done, 20, 30),
        publish(refused("duplicate_key"), 25, 40),
    ]));
    contradicted(&history(vec![publish(Answer::Done, 0, 10), publish(Answer::Done, 5, 20)]), "two proofs");
    contradicted(&history(vec![publish(refused("duplicate_key"), 0, 10)]), "a duplicate of none");
    let after = vec![claim("a", 0, 10), publish(Answer::Done, 20, 30), claim("b", 2_000, 2_010)];
    contradicted(&history(after), "was given to b after its proof");
    contradicted(
        &history(vec![claim("a", 0, 10), publish(refused("unknown_job"), 20, 30)]),
        "is lost: its proof",
    );
    let dropped = event(Call::Drop { job: JOB }, Answer::Done, 12, 15);
    accepted(&history(vec![claim("a", 0, 10), dropped, publish(refused("unknown_job"), 20, 30)]));
}

#[test]
fn dropped_jobs_that_return_are_refused() {
    let dropped = event(Call::Drop { job: JOB }, Answer::Done, 0, 10);
    let again = vec![dropped, claim("a", 20, 30)];
    contradicted(&history(again.clone()), "after it was dropped");
    accepted(&History { ends: vec![(End::Killed, 12, 14)], ..history(again) });
}

#[test]
fn listings_without_what_was_acknowledged_are_refused() {
    let listed = |events: Vec<Event>, status, attempts| {
        history(events.into_iter().chain([listing(status, attempts, 100)]).collect())
    };
    accepted(&listed(vec![claim("a", 0, 10)], "in_progress", 1));
    accepted(&listed(vec![claim("a", 0, 10), publish(Answer::Done, 20, 30)], "done", 1));
    contradicted(
        &listed(vec![claim("a", 0, 10), publish(Answer::Done, 20, 30)], "in_progress", 1),
        "is lost",
    );
    contradicted(&listed(vec![], "done", 0), "is done without a proof");
    contradicted(&listed(vec![claim("b", 0, 10)], "in_progress", 1), "which never claimed it");
    contradicted(&listed(vec![claim("a", 0, 10)], "in_progress", 2), "has 2 attempts");
    // The effect of a call without an answer is not known.
    let unknown =
        |prover: &str| event(Call::Claim { prover: prover.into() }, Answer::Unknown, 0, Micros::MAX);
    accepted(&listed(vec![unknown("a")], "in_progress", 1));
    contradicted(&listed(vec![unknown("b")], "in_progress", 1), "which never claimed it");
    contradicted(&listed(vec![unknown("a")], "in_progress", 2), "has 2 attempts");
    accepted(&listed(vec![publish(Answer::Unknown, 20, Micros::MAX)], "done", 0));
    let import = event(Call::Import { block: 2 }, Answer::Done, 0, 10);
    contradicted(&listed(vec![import], "idle", 0), "block 2 is lost");
    let mut wrong = listing("idle", 0, 100);
    let Answer::Listed(listing) = &mut wrong.answer else { unreachable!() };
    listing.counts.insert("done".into(), 1);
    contradicted(&history(vec![wrong]), "the counters are");
}

#[test]
fn refused_proofs_blocks_and_bulk_requeues_end_leases_of_their_own() {
    let with =
        |call, answer| history(vec![claim("a", 0, 10), event(call, answer, 20, 30), claim("b", 40, 50)]);
    let lie = |prover: &str| Call::PublishFalse { prover: prover.into(), job: JOB };
    accepted(&with(lie("a"), refused("proof_refused")));
    contradicted(&with(lie("c"), refused("proof_refused")), "a held it");
    accepted(&with(Call::Block { prover: "a".into() }, Answer::Done));
    contradicted(&with(Call::Block { prover: "c".into() }, Answer::Done), "a held it");
    accepted(&with(Call::RequeueMany { jobs: vec![JOB] }, Answer::Done));
    contradicted(&with(Call::RequeueMany { jobs: vec![JOB] }, refused("not_found")), "a held it");
    contradicted(&with(Call::RequeueMany { jobs: Vec::new() }, Answer::Done), "a held it");
}

#[test]
fn blocked_provers_and_pauses_get_no_job() {
    let after = |events: Vec<Event>| history(events.into_iter().chain([claim("a", 40, 50)]).collect());
    let block = |prover: &str, to| event(Call::Block { prover: prover.into() }, Answer::Done, 20, to);
    contradicted(&after(vec![block("a", 30)]), "a is blocked");
    accepted(&after(vec![block("a", 45)]));
    accepted(&after(vec![block("b", 30)]));
    let pause = || event(Call::Pause, Answer::Done, 10, 20);
    let resume = |answer, from, to| event(Call::Resume, answer, from, to);
    contradicted(&after(vec![pause()]), "in a pause");
    accepted(&after(vec![pause(), resume(Answer::Done, 25, 30)]));
    accepted(&after(vec![pause(), resume(Answer::Unknown, 25, Micros::MAX)]));
    contradicted(&after(vec![resume(Answer::Done, 1, 5), pause()]), "in a pause");
    contradicted(&after(vec![pause(), resume(Answer::Done, 60, 70)]), "in a pause");
}
