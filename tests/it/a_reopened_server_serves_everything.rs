//! A server whose store has to be reopened after a failed sync serves everything that it
//! acknowledged, or answers with an error of the server until it can; a fault of the reopen itself
//! changes nothing of that.

use std::time::Instant;

use serde_json::{Value, json};
use zksync_witness_server::testing::dice::Dice;

use crate::support::{
    Answer, SECRET, Server, block,
    faults::{Call, Effect, Fault, Faults},
    genesis, heavy, http, real_folder, until,
};

/// The answers that a client can check, by route.
struct Acknowledged(Vec<(String, Vec<u8>)>);

impl Acknowledged {
    fn of(server: &Server) -> Self {
        let blocks = (1..=real_folder::BLOCKS).map(|block| format!("/api/v1/blocks/{block}"));
        let proofs = (1..=real_folder::BLOCKS - 2).map(|block| format!("/api/v1/blocks/{block}/proof"));
        let routes = blocks.chain(proofs);
        Self(routes.map(|route| (route.clone(), server.get(&route).accepted().body)).collect())
    }

    /// Checks that no answer is less than what was acknowledged. Returns the number of errors of the
    /// server.
    fn check(&self, server: &Server, at: &str) -> usize {
        let mut errors = 0;
        for (route, body) in &self.0 {
            let answer = server.get(route);
            match answer.status {
                200 => assert!(answer.body == *body, "{at}: {route} has changed"),
                status => {
                    assert!(status >= 500, "{at}: {route} is {status}, {}", answer.text());
                    errors += 1;
                }
            }
        }
        errors
    }
}

/// Claims a job, which is not synced, and requeues it, which is.
struct Writer {
    job: Value,
}

impl Writer {
    fn new(server: &Server) -> Self {
        Self { job: server.next_job("prover")["job_id"].clone() }
    }

    fn write(&self, server: &Server) -> Answer {
        server.post(&format!("/api/v1/jobs/{}/requeue", self.job), "")
    }

    /// Claims the job again.
    fn claim(&mut self, server: &Server) {
        *self = Self::new(server);
    }
}

const READING: (&str, &[Call]) = ("reading", Call::READING);
const WRITING: (&str, &[Call]) = ("writing", Call::WRITING);
const THREADS: (&str, &[Call]) = ("a thread", Call::THREADS);

/// Makes a sync fail, then the call at each position of the reopen that follows.
fn reopen(most: u64, effects: &[Effect], kinds: &[(&str, &[Call])]) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("FAULTS_SEED");
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    real_folder::grow(&folder);
    let faults = Faults::new(&folder);
    let more = ["--set", "prepare_data_interval=1h"];
    let server = Server::start_with(&folder, SECRET, &more, |command| faults.prepare(command));
    let acknowledged = Acknowledged::of(&server);
    let mut writer = Writer::new(&server);
    let fail = |writer: &Writer| {
        faults.arm(&[Call::Sync], Fault::from(1, Effect::Io));
        let answer = writer.write(&server);
        assert!(answer.status >= 500, "{}", answer.text());
    };
    for (name, calls) in kinds {
        fail(&writer);
        faults.count(calls);
        // A request that finds the store closed reopens it.
        let begin = Instant::now();
        writer.write(&server).accepted();
        assert!(begin.elapsed().as_secs() < 5, "the reopen took {:?}", begin.elapsed());
        let last = faults.counted();
        faults.disarm();
        writer.claim(&server);
        let positions: Vec<u64> = if last <= most {
            (1..=last).collect()
        } else {
            (0..most).map(|_| dice.between(1, last)).collect()
        };
        let (mut failed, mut errors) = (0, 0);
        for position in &positions {
            for effect in effects {
                fail(&writer);
                faults.arm(calls, Fault::once(*position, *effect));
                let answer = writer.write(&server);
                let at = format!("{effect:?} at {position} of {name}, {}", faults.first_failure());
                assert!(answer.status == 200 || answer.status >= 500, "{at}: {}", answer.text());
                failed += usize::from(answer.status != 200);
                errors += acknowledged.check(&server, &at);
                faults.disarm();
                // An answer with an error may belong to a write that was done.
                until(|| [200, 409].contains(&writer.write(&server).status).then_some(()));
                assert_eq!(acknowledged.check(&server, &at), 0, "{at}");
                assert_eq!(http(&server.admin, "GET", "/readyz", None, "").status, 200, "{at}");
                writer.claim(&server);
            }
        }
        println!(
            "reopen: {} faults of {name} at {last} calls, {failed} attempts failed, {errors} reads refused, \
             nothing acknowledged is missing",
            positions.len() * effects.len()
        );
    }
    let head = json!(real_folder::BLOCKS);
    assert_eq!(server.get("/api/v1/status").accepted().json()["blocks"]["head"], head);
    assert_eq!(server.terminate(), Some(0));
    let store = real_folder::node(&folder).store().clone();
    assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
}

/// Nothing else reopens the store: the workers sleep.
#[test]
fn a_retried_import_reopens_the_store_itself() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let faults = Faults::new(&folder);
    let more = ["--set", "prepare_data_interval=1h"];
    let server = Server::start_with(&folder, SECRET, &more, |command| faults.prepare(command));
    let imports = [
        ("/api/v1/genesis", String::from_utf8(genesis("deposit")).unwrap()),
        ("/api/v1/blocks", block("deposit").to_string()),
    ];
    for (route, body) in &imports {
        faults.arm(&[Call::Sync], Fault::from(1, Effect::Io));
        let answer = server.post(route, body);
        assert!(answer.status >= 500, "{}", answer.text());
        faults.disarm();
        server.post(route, body).accepted();
    }
    assert_eq!(server.get("/api/v1/status").accepted().json()["blocks"]["head"], 1);
}

#[test]
fn some_faults_of_a_reopen_lose_nothing() {
    reopen(4, &[Effect::Io], &[READING, WRITING, THREADS]);
}

#[test]
#[ignore = "runs for 10 minutes"]
fn every_fault_of_a_reopen_loses_nothing() {
    reopen(u64::MAX, &[Effect::Io, Effect::TooManyFiles], &[READING, WRITING, THREADS]);
}
