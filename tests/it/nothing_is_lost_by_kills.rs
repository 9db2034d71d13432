//! A server under load is killed (SIGKILL) and restarted on the same folder, many times. Everything
//! it had acknowledged is stored, byte for byte; no job is lost, no proof is stored twice; the tree
//! is that of the last witnessed block; indexes and counters agree with a full scan.
//!
//! One client imports blocks, four prove (some stop, some vanish, some continue after the kill,
//! some publish wrong proofs), and one requeues jobs, posts aggregated operations and reads back.
//! Between the kills, reverts and starts are killed as well.
//!
//! `CRASH_SEED` repeats the random choices, but not the order in which threads run; `CRASH_ROUNDS`
//! is the number of rounds of the long form.

use std::sync::Mutex;

use zksync_witness_server::testing::{dice::Dice, ledger::Moment};

use crate::support::{crash, heavy, invariants, number, sealed_chain::Chain, world::World};

/// Rounds between two checks by the naive tree, which is slow.
const NAIVE_EVERY: u32 = 12;

/// Runs the given number of rounds on one folder.
fn survive(rounds: u32) {
    let _heavy = heavy();
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
fn acknowledged_items_survive_kills() {
    survive(15);
}

#[test]
#[ignore = "long: 500 kills take a quarter of an hour"]
fn acknowledged_items_survive_500_kills() {
    survive(number("CRASH_ROUNDS", 500));
}
