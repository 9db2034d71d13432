//! The power fails while a server is under load. After the restart everything it had acknowledged
//! is stored, as after a kill.
//!
//! A small library (`tests/preload/power_loss.c`), loaded into the server, records its changes of
//! files; `support/disk.rs` models which of them are on the disk when the power fails: all that
//! were synced, and some that were not. The record is verified: after each kill, it must reproduce
//! the folder.
//!
//! `a_power_failure_loses_what_was_not_synced.rs` shows that the model finds missing syncs.
//!
//! `CRASH_SEED` repeats the random choices, but not the order in which threads run; `CRASH_ROUNDS`
//! is the number of rounds of the long form.

use std::path::Path;
use std::sync::Mutex;

use zksync_witness_server::testing::{dice::Dice, ledger::Moment};

use crate::support::{
    command_on, crash,
    disk::{self, Disk},
    ended, heavy, invariants, number,
    power::Power,
    real_folder,
    sealed_chain::Chain,
    world::World,
};

/// Rounds between two checks by the naive tree, which is slow.
const NAIVE_EVERY: u32 = 12;
/// Rounds between two new folders, whose creation is tested as well.
const ROUNDS_OF_A_FOLDER: u32 = 30;
/// Further power failures at earlier moments of a round.
const EARLIER: usize = 2;

fn survive(rounds: u32) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("CRASH_SEED");
    let world = Mutex::new(World::new(Chain::new(dice.fork())));
    let (mut power, mut failures) = (Power::new(), 0);
    for round in 1..=rounds {
        if round % ROUNDS_OF_A_FOLDER == 0 {
            power = Power::new();
            world.lock().unwrap().start_over(Chain::new(dice.fork()));
        }
        // The server creates its folder inside an existing one.
        let data = power.root().join("data");
        let mut disk = Disk::of(power.root());
        let reverted = match dice.below(6) {
            0 => crash::revert(&data, &world, &mut dice, &|command| power.record(command)),
            1 => {
                crash::start_and_kill(&data, &mut dice, &|command| power.record(command));
                None
            }
            _ => None,
        };
        power.replay(&mut disk);
        if reverted.is_none() {
            // A kill without a power failure: the page cache of the system survives.
            if dice.happens(0.3) {
                crash::serve_until_killed(&data, &world, &|| 0, &mut dice, &|command| power.record(command));
                power.replay(&mut disk);
            }
            world.lock().unwrap().ledger.settle();
            let now = || power.moment();
            crash::serve_until_killed(&data, &world, &now, &mut dice, &|command| power.record(command));
            let before = disk.clone();
            let events = power.replay(&mut disk);
            let world = world.lock().unwrap();
            for _ in 0..EARLIER {
                let (folder, moment) = power.fail_earlier(&before, &events, &mut dice);
                let found = invariants::look(&folder.path().join("data"), &world, moment, false);
                assert_eq!(found.findings, Vec::<String>::new(), "round {round}, at an earlier moment");
                failures += 1;
            }
        }
        power.fail(&disk, &mut dice);
        failures += 1;
        let mut world = world.lock().unwrap();
        if let Some(revert) = reverted {
            crash::settle(&data, &mut world, &mut dice, revert);
        }
        let found = invariants::look(&data, &world, Moment::MAX, round % NAIVE_EVERY == 0);
        println!("round {round}: {}", found.line);
        assert_eq!(found.findings, Vec::<String>::new(), "round {round}, {reverted:?}");
        found.adopt(&mut world);
    }
    let found = crash::finish(&power.root().join("data"), &world, &mut dice);
    let tally = &world.lock().unwrap().tally;
    println!("{rounds} rounds with {failures} power failures survived; {tally:?}; {}", found.line);
}

/// A new folder that has only its synced changes on the disk.
#[test]
fn a_new_folder_is_on_the_disk() {
    let _heavy = heavy();
    let mut dice = Dice::new(1);
    let world = Mutex::new(World::new(Chain::new(dice.fork())));
    let power = Power::new();
    let data = power.root().join("some/where/data");
    let mut disk = Disk::of(power.root());
    crash::serve_until_acknowledged(&data, &world, 2, &mut dice, &|command| power.record(command));
    power.replay(&mut disk);
    disk::write_image(power.root(), &disk.with_luck(0.0, &mut dice));
    let found = invariants::look(&data, &world.lock().unwrap(), Moment::MAX, false);
    assert_eq!(found.findings, Vec::<String>::new());
}

/// A restore syncs only at its end. Of its folder, the disk has what was synced and nothing else.
#[test]
fn a_restored_folder_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let [original, backup] = ["data", "backup"].map(|name| folder.path().join(name));
    real_folder::grow(&original);
    assert!(
        ended(&mut command_on(&original, &["backup", "--out", backup.to_str().unwrap()])).status.success()
    );
    let power = Power::new();
    let data = power.root().join("data");
    let mut disk = Disk::of(power.root());
    let mut restore = command_on(&data, &["restore", backup.to_str().unwrap()]);
    power.record(&mut restore);
    assert!(ended(&mut restore).status.success());
    power.replay(&mut disk);
    disk::write_image(power.root(), &disk.with_luck(0.0, &mut Dice::new(1)));
    let durable = |folder: &Path| {
        let (mut contents, damaged) = real_folder::contents(real_folder::node(folder).store());
        assert_eq!(damaged, 0);
        // These are derived.
        contents.retain(|name, _| !name.starts_with("witness") && !name.contains("job"));
        contents
    };
    assert_eq!(durable(&data), durable(&original));
}

#[test]
fn acknowledged_items_survive_power_failures() {
    survive(12);
}

#[test]
#[ignore = "long: 300 power failures take a quarter of an hour"]
fn acknowledged_items_survive_300_power_failures() {
    survive(number("CRASH_ROUNDS", 300));
}
