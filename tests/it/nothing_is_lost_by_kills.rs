//! A server under load is killed (SIGKILL) again and again, and started again on the same folder each time. Whatever it had acknowledged is
//! there, byte for byte; no job is lost, no proof is there twice; the tree is that of the last witnessed block; indexes and
//! counters agree with a full scan.
//!
//! One client imports blocks, four prove (some stop, some vanish, some go on after the kill, some prove the wrong thing), one
//! requeues, posts aggregated operations and reads back. Between the kills there are reverts, and starts that are killed as well.
//!
//! `CRASH_SEED` repeats what was drawn, though not the order in which threads ran; `CRASH_ROUNDS` is the number of rounds of the long
//! form.

use std::sync::Mutex;

use zksync_witness_server::testing::{dice::Dice, ledger::Moment};

use crate::support::{crash, invariants, number, sealed_chain::Chain, world::World};

/// Rounds after which the tree is hashed the slow way as well.
const NAIVE_EVERY: u32 = 12;

/// So many rounds on one folder.
fn survive(rounds: u32) {
    let mut dice = Dice::from_environment("CRASH_SEED");
    let world = Mutex::new(World::new(Chain::new(dice.fork())));
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    for round in 1..=rounds {
        let reverted = match dice.below(6) {
            0 => crash::revert(folder, &world, &mut dice, &|_| {}),
            1 => {
                crash::start_and_kill(folder, &mut dice, &|_| {});
                None
            }
            _ => None,
        };
        if let Some(revert) = reverted {
            crash::settle(folder, &mut world.lock().unwrap(), &mut dice, revert);
        }
        let time = crash::serve_until_killed(folder, &world, &|| 0, &mut dice, &|_| {});
        let mut world = world.lock().unwrap();
        let found = invariants::look(folder, &world, Moment::MAX, round % NAIVE_EVERY == 0);
        println!("round {round}: killed after {} ms, {}", time.as_millis(), found.line);
        assert_eq!(found.findings, Vec::<String>::new(), "round {round}, {reverted:?}");
        found.adopt(&mut world);
    }
    let found = crash::finish(folder, &world, &mut dice);
    println!("{rounds} rounds survived; {:?}; {}", world.lock().unwrap().tally, found.line);
}

#[test]
fn what_was_acknowledged_survives_25_kills() {
    survive(25);
}

#[test]
#[ignore = "long: 500 kills take a quarter of an hour"]
fn what_was_acknowledged_survives_500_kills() {
    survive(number("CRASH_ROUNDS", 500));
}
