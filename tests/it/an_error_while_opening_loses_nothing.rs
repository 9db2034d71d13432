//! Any call that reads or writes may fail while a data folder is opened. A command that only reads
//! then leaves the folder untouched; a start loses nothing, and a server that starts in spite of
//! the error serves everything. An error of the system is reported as one, with exit code 4.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

use crate::support::{
    begun, command_on,
    faults::{Call, Effect, Fault, Faults},
    heavy,
    real_folder::{self, Contents, contents, copy, files},
    run_to_end, until,
};

/// Size beyond which a kv is opened in place instead of copied, in bytes.
const MAX_COPIED_BYTES: u64 = 128 << 20;
/// A file in the kv that sled ignores.
const FILLER: &str = "index/filler";

/// A folder in which a killed server left what it had not synced.
struct Sample {
    _temporary: TempDir,
    folder: PathBuf,
    contents: Contents,
    /// The kv is too large to be copied. It takes no space, as what makes it large is a hole.
    is_large: bool,
}

impl Sample {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("sample");
        real_folder::grow(&folder);
        let contents = stored(&folder);
        // The suspension of the prover of the rejected proof ends by the clock.
        until(|| {
            let status = run_to_end(&mut command_on(&folder, &["status", "--json"]));
            let status: Value = serde_json::from_slice(&status.output).unwrap();
            (status["provers_suspended"] == 0).then_some(())
        });
        Self { _temporary: temporary, folder, contents, is_large: false }
    }

    fn large() -> Self {
        Self { is_large: true, ..Self::new() }
    }

    /// Copies the folder, and lets calls of a command about the copy fail.
    fn faulty(&self, temporary: &TempDir) -> (PathBuf, Faults) {
        let folder = temporary.path().join("data");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        copy(&self.folder, &folder);
        if self.is_large {
            File::create(folder.join(FILLER)).unwrap().set_len(MAX_COPIED_BYTES + 1).unwrap();
        }
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

/// Returns the exit code of a command that an error of the system ended.
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
    let expected = run_to_end(faults.prepare(&mut command_on(&folder, args)));
    assert_eq!(expected.code, Some(0), "{}", expected.error);
    assert!(untouched(&folder) == before, "{args:?} changes the folder");
    let mut tried = 0;
    for position in positions(faults.counted(), most, dice) {
        for effect in effects {
            faults.arm(Call::READING, Fault::once(position, *effect));
            let found = run_to_end(faults.prepare(&mut command_on(&folder, args)));
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

/// Returns the items that a repair restores. It builds jobs and witnesses again later.
fn durable(contents: &Contents) -> BTreeMap<&str, &[u8]> {
    let kept = |name: &str| !name.contains("job") && !name.starts_with("witness");
    contents
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, item)| (name.as_str(), item.as_slice()))
        .collect()
}

/// The files of a folder, without those that an opening leaves until the next one.
fn lasting(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let leftover = |name: &str| {
        ["LOCK", "index.trial/", "index.new/", "index/kept-"].iter().any(|start| name.starts_with(start))
    };
    files(folder).into_iter().filter(|(name, _)| !leftover(name)).collect()
}

/// The outcomes of starts under faults.
#[derive(Debug, Default)]
struct Starts {
    tried: usize,
    /// Servers that started in spite of the fault.
    started: usize,
    /// Folders that had to be repaired.
    repaired: usize,
}

/// Starts a server with a fault at each of the positions.
fn start(
    sample: &Sample,
    calls: &[Call],
    faults_of: &[fn(u64) -> Fault],
    most: u64,
    dice: &mut Dice,
) -> Starts {
    let temporary = tempfile::tempdir().unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let (folder, faults) = sample.faulty(&temporary);
    faults.count(calls);
    let mut served = begun(faults.prepare(&mut command_on(&folder, &args)));
    assert!(served.is_serving());
    let last = faults.counted();
    drop(served);
    let before = lasting(&sample.folder);
    let mut starts = Starts::default();
    for position in positions(last, most, dice) {
        for fault in faults_of.iter().map(|fault| fault(position)) {
            let (folder, faults) = sample.faulty(&temporary);
            faults.arm(calls, fault);
            let mut server = begun(faults.prepare(&mut command_on(&folder, &args)));
            let serves = server.is_serving();
            faults.disarm();
            let at = format!("a start with {fault:?}, {}", faults.first_failure());
            starts.tried += 1;
            if serves {
                starts.started += 1;
                drop(server);
            } else if fault.kills() {
                assert_eq!(server.end().code, None, "{at}");
            } else {
                server.end().is_one_sentence(code(&faults), &at);
            }
            // From here on, a large kv is read like any other.
            let _ = std::fs::remove_file(folder.join(FILLER));
            // A copied kv may wait for the next opening to get its name back.
            if sample.is_large && !serves && faults.first_failure().starts_with("read of \"/index") {
                assert!(lasting(&folder) == before, "{at} changes the folder");
            }
            let found = match std::panic::catch_unwind(|| stored(&folder)) {
                Ok(found) => found,
                // A read that fails inside sled damages a kv that is opened in place.
                Err(_) if sample.is_large && !serves => {
                    let repaired = run_to_end(&mut command_on(&folder, &["doctor", "--repair"]));
                    assert_eq!(repaired.code, Some(0), "{at}: {}", repaired.error);
                    assert_eq!(durable(&stored(&folder)), durable(&sample.contents), "{at}");
                    starts.repaired += 1;
                    continue;
                }
                Err(_) => panic!("{at} damages the folder"),
            };
            assert!(found == sample.contents, "{at}: the folder has {:?}", found.keys());
        }
    }
    starts
}

/// Tries up to `most` positions of each command that looks.
fn sweep_looks(most: u64) {
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
}

/// Tries up to `most` positions of each kind of call of a start.
fn sweep_starts(most: u64) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("FAULTS_SEED");
    let sample = Sample::new();
    let once: fn(u64) -> Fault = |position| Fault::once(position, Effect::Io);
    let for_good: fn(u64) -> Fault = |position| Fault::from(position, Effect::Io);
    let full: fn(u64) -> Fault = |position| Fault::from(position, Effect::DiskFull);
    let short: fn(u64) -> Fault = |position| Fault::once(position, Effect::Short);
    let interrupted: fn(u64) -> Fault = |position| Fault::once(position, Effect::Interrupted);
    let kinds = [
        ("short or interrupted reads", Call::TRANSFERS_IN, vec![short, interrupted]),
        ("writing", Call::WRITING, vec![once, full]),
        ("reading", Call::READING, vec![once, for_good]),
        ("kills", Call::WRITING, vec![Fault::kill]),
    ];
    for (name, calls, faults) in kinds {
        let starts = start(&sample, calls, &faults, most, &mut dice);
        println!("{name}: {starts:?}, all folders have everything");
        assert_eq!(starts.repaired, 0);
    }
}

/// Tries up to `most` positions of each kind of call while a kv is opened in place.
fn sweep_large(most: u64) {
    let _heavy = heavy();
    let mut dice = Dice::from_environment("FAULTS_SEED");
    let sample = Sample::large();
    let once: fn(u64) -> Fault = |position| Fault::once(position, Effect::Io);
    let kinds = [
        ("reading", &[Call::Read][..], once),
        ("reading inside sled", &[Call::ReadAt], once),
        ("writing", Call::WRITING, once),
        ("kills", Call::WRITING, Fault::kill),
    ];
    for (name, calls, fault) in kinds {
        let starts = start(&sample, calls, &[fault], most, &mut dice);
        println!("a large kv, {name}: {starts:?}, all folders have everything, or do so after the repair");
        assert!(starts.repaired == 0 || name == "reading inside sled");
    }
}

#[test]
fn some_positions_of_commands_that_look() {
    sweep_looks(4);
}

#[test]
fn some_positions_of_a_start() {
    sweep_starts(4);
}

#[test]
fn some_positions_in_a_large_kv() {
    sweep_large(3);
}

#[test]
#[ignore = "runs for 10 minutes"]
fn every_position_of_commands_that_look() {
    sweep_looks(u64::MAX);
}

#[test]
#[ignore = "runs for 20 minutes"]
fn every_position_of_a_start() {
    sweep_starts(u64::MAX);
}

#[test]
#[ignore = "runs for 10 minutes"]
fn every_position_in_a_large_kv() {
    sweep_large(u64::MAX);
}
