//! Any call that reads or writes may fail while a data folder is opened. A command that only looks
//! then leaves the folder untouched; a start loses nothing, and a server that starts in spite of
//! it serves everything. An error of the system is reported as one, with exit code 4.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

use crate::support::{
    SECRET, begun,
    faults::{Call, Effect, Fault, Faults},
    heavy,
    real_folder::{self, Contents, contents, copy, files},
    run_to_end,
};

/// A folder in which a killed server left what it had not synced.
struct Sample {
    _temporary: TempDir,
    folder: PathBuf,
    contents: Contents,
}

impl Sample {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("sample");
        real_folder::grow(&folder);
        let contents = stored(&folder);
        Self { _temporary: temporary, folder, contents }
    }

    /// Copies the folder, and lets calls of a command about the copy fail.
    fn faulty(&self, temporary: &TempDir) -> (PathBuf, Faults) {
        let folder = temporary.path().join("data");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        copy(&self.folder, &folder);
        let faults = Faults::new(&folder);
        (folder, faults)
    }
}

/// Returns everything that a folder serves; nothing in it is damaged.
fn stored(folder: &Path) -> Contents {
    let store = Store::open(folder, StoreOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let (contents, damaged) = contents(&store);
    assert_eq!((store.check_everything().unwrap(), damaged), (Vec::new(), 0));
    contents
}

fn command(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.args(args).arg("--data-dir").arg(folder).env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
    command
}

/// The files of a folder, without temporary ones, which the next start removes.
fn untouched(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let temporary = |name: &str| name.starts_with("doctor-");
    files(folder).into_iter().filter(|(name, _)| !temporary(name)).collect()
}

/// The output of a command, without the free space, which changes.
fn comparable(output: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(output) {
        Ok(mut view) => {
            view.as_object_mut().map(|view| view.remove("space"));
            view.to_string().into()
        }
        Err(_) => output.to_vec(),
    }
}

/// Returns the exit code of a command that an error of the system run_to_end.
fn code(faults: &Faults) -> i32 {
    // The configuration cannot be read.
    if faults.first_failure().contains("witness-server.toml") { 2 } else { 4 }
}

/// Returns up to `most` of the positions 1 to `last`, always with the first and the last one.
fn positions(last: u64, most: u64, dice: &mut Dice) -> Vec<u64> {
    if last <= most {
        return (1..=last).collect();
    }
    let mut chosen = vec![1, last];
    chosen.extend((2..most).map(|_| dice.between(1, last)));
    chosen
}

/// Runs a command that looks at a folder, with a fault at each of the positions. Returns the number
/// of positions.
fn look(sample: &Sample, args: &[&str], effects: &[Effect], most: u64, dice: &mut Dice) -> usize {
    let temporary = tempfile::tempdir().unwrap();
    let (folder, faults) = sample.faulty(&temporary);
    let before = files(&folder);
    faults.count(Call::READING);
    let expected = run_to_end(faults.prepare(&mut command(args, &folder)));
    assert_eq!(expected.code, Some(0), "{}", expected.error);
    assert!(untouched(&folder) == before, "{args:?} changes the folder");
    let mut tried = 0;
    for position in positions(faults.counted(), most, dice) {
        for effect in effects {
            faults.arm(Call::READING, Fault::once(position, *effect));
            let found = run_to_end(faults.prepare(&mut command(args, &folder)));
            let at = format!("{args:?} with {effect:?} at {position}, {}", faults.first_failure());
            tried += 1;
            if found.code == Some(0) {
                assert_eq!(comparable(&found.output), comparable(&expected.output), "{at}");
            } else {
                found.is_one_sentence(code(&faults), &at);
            }
            assert!(untouched(&folder) == before, "{at} changes the folder");
        }
    }
    tried
}

/// Starts a server with a fault at each of the positions. Returns the number of positions, and of
/// servers that started in spite of it.
fn start(
    sample: &Sample,
    calls: &[Call],
    faults_of: &[fn(u64) -> Fault],
    most: u64,
    dice: &mut Dice,
) -> (usize, usize) {
    let temporary = tempfile::tempdir().unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let (folder, faults) = sample.faulty(&temporary);
    faults.count(calls);
    let mut served = begun(faults.prepare(&mut command(&args, &folder)));
    assert!(served.is_serving());
    let last = faults.counted();
    drop(served);
    let (mut tried, mut started) = (0, 0);
    for position in positions(last, most, dice) {
        for fault in faults_of {
            let (folder, faults) = sample.faulty(&temporary);
            faults.arm(calls, fault(position));
            let mut server = begun(faults.prepare(&mut command(&args, &folder)));
            let serves = server.is_serving();
            faults.disarm();
            let at = format!("a start with {:?}, {}", fault(position), faults.first_failure());
            tried += 1;
            if serves {
                started += 1;
                drop(server);
            } else {
                server.end().is_one_sentence(code(&faults), &at);
            }
            let found = std::panic::catch_unwind(|| stored(&folder));
            let found = found.unwrap_or_else(|_| panic!("{at} damages the folder"));
            assert!(found == sample.contents, "{at}: the folder has {:?}", found.keys());
        }
    }
    (tried, started)
}

/// Tries up to `most` positions of each kind of call.
fn sweep(most: u64) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("FAULTS_SEED");
    let sample = Sample::new();
    let looks: [&[&str]; 3] = [&["status", "--json"], &["blocks", "--json"], &["export", "proof", "2"]];
    for args in looks {
        let effects: &[Effect] =
            if most > 100 { &[Effect::Io, Effect::TooManyFiles, Effect::NoMemory] } else { &[Effect::Io] };
        let tried = look(&sample, args, effects, most, &mut dice);
        println!("{args:?}: {tried} faults while reading, 0 changed folders");
    }
    let once: fn(u64) -> Fault = |position| Fault::once(position, Effect::Io);
    let for_good: fn(u64) -> Fault = |position| Fault::from(position, Effect::Io);
    let full: fn(u64) -> Fault = |position| Fault::from(position, Effect::DiskFull);
    let short: fn(u64) -> Fault = |position| Fault::once(position, Effect::Short);
    let interrupted: fn(u64) -> Fault = |position| Fault::once(position, Effect::Interrupted);
    let kinds = [
        ("short or interrupted reads", Call::TRANSFERS_IN, vec![short, interrupted]),
        ("writing", Call::WRITING, vec![once, full]),
        ("reading", Call::READING, vec![once, for_good]),
    ];
    for (name, calls, faults) in kinds {
        let (tried, started) = start(&sample, calls, &faults, most, &mut dice);
        println!(
            "start: {tried} faults while {name}, {started} servers started, all folders have everything"
        );
    }
}

#[test]
fn some_positions() {
    sweep(6);
}

#[test]
#[ignore = "runs for 20 minutes"]
fn every_position() {
    sweep(u64::MAX);
}
