//! Calls of the system that fail are errors and not damage: if any call fails during `doctor`, its
//! repair, a backup, a restore or a revert, nothing is lost, and the folder is the old one or the
//! complete new one.
//!
//! The short form tries some positions of each command, the long form all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::faults::{Call, Effect, Fault, Faults};
use crate::support::real_folder::{Contents, contents, copy, files, grow};
use crate::support::{ended, number, run, run_badly, run_well};
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

/// Positions of one command that the short form tries.
const SHORT: u64 = 3;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns the durable items of a folder: genesis, blocks, proofs, operations. `None` if it is
/// refused.
fn durable(folder: &Path) -> Option<Contents> {
    let scratch = tempfile::tempdir().unwrap();
    copy(folder, scratch.path());
    let store = Store::open(scratch.path(), StoreOptions::default()).ok()?;
    let (contents, damaged) = contents(&store);
    assert_eq!(damaged, 0);
    let kept = |name: &String| !name.contains("job") && !name.starts_with("witness");
    Some(contents.into_iter().filter(|(name, _)| kept(name)).collect())
}

/// The files of a folder, but not what the next command removes.
fn lasting(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let lasting = |name: &String| !name.contains(".tmp") && name != "LOCK";
    files(folder).into_iter().filter(|(name, _)| lasting(name)).collect()
}

/// One command under faults.
struct Case<'a> {
    args: &'a [&'a str],
    calls: &'a [Call],
    /// The folder whose calls fail.
    faulty: &'a Path,
}

/// The end of a command under a fault.
struct Outcome {
    /// The exit code; `None` if the process aborted, which it does without memory.
    code: Option<i32>,
    text: String,
}

impl Case<'_> {
    fn command(&self, faults: &Faults) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(self.args).env_clear();
        let output = ended(faults.prepare(&mut command));
        let text = [output.stdout, output.stderr].concat();
        Outcome { code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Runs the command once for each chosen position and effect, each time after `prepare`, and
    /// passes the outcome to `judge`. Returns the number of runs.
    fn run(&self, all: bool, prepare: impl Fn(), mut judge: impl FnMut(&Outcome, &str)) -> u64 {
        let faults = Faults::new(self.faulty);
        prepare();
        faults.count(self.calls);
        let undisturbed = self.command(&faults);
        judge(&undisturbed, "without a fault");
        let last = faults.counted();
        assert!(last > 0, "{:?}", self.args);
        let effects = [Effect::Io, Effect::TooManyFiles, Effect::NoMemory, Effect::Forbidden];
        let threads = self.calls == Call::THREADS;
        let effects = if threads { &[Effect::NotNow][..] } else { &effects };
        let step = if all { 1 } else { last.div_ceil(SHORT).max(1) };
        let seed = u64::from(number("FAULTS_SEED", 1));
        let mut runs = 0;
        for position in (1 + seed % step..=last).step_by(usize::try_from(step).unwrap()) {
            for for_good in [false, true] {
                let effect = effects[usize::try_from((position + runs) % effects.len() as u64).unwrap()];
                let fault = match for_good {
                    false => Fault::once(position, effect),
                    true => Fault::from(position, effect),
                };
                prepare();
                faults.arm(self.calls, fault);
                let outcome = self.command(&faults);
                let what = format!(
                    "{:?}, {effect:?} at {position} of {last}, for good: {for_good}, {} failed, first {}: {:?} {}",
                    self.args,
                    faults.failed(),
                    faults.first_failure(),
                    outcome.code,
                    outcome.text
                );
                faults.disarm();
                if std::env::var_os("FAULTS_SHOWN").is_some() {
                    println!("{what}");
                }
                judge(&outcome, &what);
                runs += 1;
            }
        }
        runs
    }
}

/// A sound folder and one whose kv is damaged, with the contents of both.
struct Folders {
    parent: tempfile::TempDir,
    sound: PathBuf,
    damaged: PathBuf,
    held: Contents,
}

fn folders() -> Folders {
    let parent = tempfile::tempdir().unwrap();
    let (sound, damaged) = (parent.path().join("sound"), parent.path().join("damaged"));
    grow(&sound);
    copy(&sound, &damaged);
    fs::write(damaged.join("index/db"), [0x5a; 1 << 20]).unwrap();
    let held = durable(&sound).unwrap();
    Folders { parent, sound, damaged, held }
}

/// Puts a folder in the place of another one.
fn put(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    copy(from, to);
}

fn doctor_reports_errors(all: bool) {
    let Folders { parent, sound, .. } = folders();
    let data = parent.path().join("data");
    let before = files(&sound);
    for calls in [Call::READING, Call::WRITING] {
        let args = ["doctor", "--data-dir", text(&data)];
        let case = Case { args: &args, calls, faulty: &data };
        let runs = case.run(
            all,
            || put(&sound, &data),
            |outcome, what| {
                // Neither damaged, nor another sentence that a fault of the folder has.
                assert!(matches!(outcome.code, None | Some(0 | 2 | 4)), "{what}");
                assert_eq!(lasting(&data), lasting_of(&before), "{what}");
            },
        );
        println!("doctor: {runs} runs, {calls:?}");
    }
}

fn lasting_of(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files
        .iter()
        .filter(|(name, _)| *name != "LOCK")
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .collect()
}

fn repairs_lose_nothing(all: bool) {
    let Folders { parent, sound, damaged, held } = folders();
    let data = parent.path().join("data");
    for (folder, is_sound) in [(&sound, true), (&damaged, false)] {
        let before = lasting(folder);
        for calls in [Call::READING, Call::WRITING] {
            let args = ["doctor", "--repair", "--data-dir", text(&data)];
            let case = Case { args: &args, calls, faulty: &data };
            let (mut repaired, mut unchanged) = (0, 0);
            let runs = case.run(
                all,
                || put(folder, &data),
                |outcome, what| {
                    let after = lasting(&data);
                    if after == before {
                        unchanged += 1;
                        // The folder was sound before, or it is as damaged as before.
                        assert!(is_sound || outcome.code != Some(0), "{what}");
                        return;
                    }
                    assert!(!is_sound, "a sound folder was replaced: {what}");
                    // The replacement is complete, or the next start completes it.
                    assert_eq!(durable(&data).as_ref(), Some(&held), "{what}");
                    repaired += 1;
                },
            );
            println!(
                "repair, sound: {is_sound}: {runs} runs, {repaired} repaired, {unchanged} unchanged, {calls:?}"
            );
        }
    }
}

fn restores_are_complete_or_absent(all: bool) {
    let Folders { parent, sound, held, .. } = folders();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    run_well(&["backup", "--data-dir", text(&sound), "--out", text(&backup)]);
    for calls in [Call::READING, Call::WRITING] {
        let args = ["restore", text(&backup), "--data-dir", text(&data)];
        let case = Case { args: &args, calls, faulty: &data };
        let (mut complete, mut refused) = (0, 0);
        let clear = || drop(fs::remove_dir_all(&data));
        let runs = case.run(all, clear, |outcome, what| {
            if data.join("index").exists() {
                assert_eq!(durable(&data).as_ref(), Some(&held), "{what}");
                complete += 1;
                return;
            }
            assert_ne!(outcome.code, Some(0), "{what}");
            if data.join("restoring").exists() {
                run_badly(&["status", "--data-dir", text(&data)], 4);
            }
            run_well(&["restore", text(&backup), "--data-dir", text(&data)]);
            refused += 1;
        });
        println!("restore: {runs} runs, {complete} complete, {refused} not, {calls:?}");
    }
}

fn backups_are_complete_or_absent(all: bool) {
    let Folders { parent, sound, held, .. } = folders();
    let (data, out) = (parent.path().join("data"), parent.path().join("backup"));
    for calls in [Call::WRITING, Call::THREADS] {
        let args = ["backup", "--data-dir", text(&data), "--out", text(&out)];
        // Both the folder that is read and the file that is written.
        let case = Case { args: &args, calls, faulty: parent.path() };
        let mut complete = 0;
        let prepare = || {
            put(&sound, &data);
            let _ = fs::remove_file(&out);
        };
        let runs = case.run(all, prepare, |outcome, what| {
            assert_eq!(durable(&data).as_ref(), Some(&held), "{what}");
            assert!(out.exists() || outcome.code != Some(0), "{what}");
            if out.exists() {
                let checked = run(&["restore", "--check", text(&out)]);
                assert!(checked.status.success(), "{what}");
                complete += 1;
            }
        });
        println!("backup: {runs} runs, {complete} complete, {calls:?}");
    }
}

fn reverts_are_complete_or_absent(all: bool) {
    let Folders { parent, sound, held, .. } = folders();
    let (data, reverted) = (parent.path().join("data"), parent.path().join("reverted"));
    copy(&sound, &reverted);
    run_well(&["revert", "--data-dir", text(&reverted), "--to", "3"]);
    let reverted = durable(&reverted).unwrap();
    assert!(reverted.len() < held.len());
    for calls in [Call::WRITING, Call::THREADS] {
        let args = ["revert", "--data-dir", text(&data), "--to", "3"];
        let case = Case { args: &args, calls, faulty: &data };
        let (mut complete, mut absent) = (0, 0);
        let runs = case.run(
            all,
            || put(&sound, &data),
            |outcome, what| {
                let after = durable(&data);
                if after.as_ref() == Some(&reverted) {
                    complete += 1;
                } else {
                    assert_eq!(after.as_ref(), Some(&held), "{what}");
                    assert_ne!(outcome.code, Some(0), "{what}");
                    absent += 1;
                }
            },
        );
        println!("revert: {runs} runs, {complete} complete, {absent} not, {calls:?}");
    }
}

#[test]
fn doctor_reports_a_failed_call_and_changes_nothing() {
    doctor_reports_errors(false);
}

#[test]
fn a_repair_loses_nothing_whichever_call_fails() {
    repairs_lose_nothing(false);
}

#[test]
fn a_restore_is_complete_or_absent_whichever_call_fails() {
    restores_are_complete_or_absent(false);
}

#[test]
fn a_backup_is_complete_or_absent_whichever_call_fails() {
    backups_are_complete_or_absent(false);
}

#[test]
fn a_revert_is_complete_or_absent_whichever_call_fails() {
    reverts_are_complete_or_absent(false);
}

/// The long form: every position of every command. `FAULTS_SEED` chooses other effects, and
/// `FAULTS_SHOWN` prints each outcome.
#[test]
#[ignore = "runs for half an hour"]
fn every_position_of_every_command() {
    doctor_reports_errors(true);
    repairs_lose_nothing(true);
    restores_are_complete_or_absent(true);
    backups_are_complete_or_absent(true);
    reverts_are_complete_or_absent(true);
}

#[test]
fn without_descriptors_a_sound_folder_is_neither_damaged_nor_replaced() {
    let Folders { parent: _parent, sound, .. } = folders();
    let before = files(&sound);
    for descriptors in (4..40).step_by(4) {
        for repair in ["", "--repair"] {
            let binary = env!("CARGO_BIN_EXE_witness-server");
            let script = format!(
                "ulimit -n {descriptors}; exec '{binary}' doctor --data-dir '{}' {repair}",
                text(&sound)
            );
            let output = Command::new("sh").args(["-c", &script]).env_clear().output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            // Below some number not even the program can be loaded: 127.
            assert!(matches!(output.status.code(), None | Some(0 | 1 | 4 | 127)), "{descriptors}: {told}");
            assert_eq!(lasting(&sound), lasting_of(&before), "{descriptors}");
        }
    }
    run_badly(&["doctor", "--data-dir", text(&sound), "--set", "cache_bytes=100"], 2);
}
