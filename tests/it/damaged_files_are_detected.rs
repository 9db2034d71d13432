//! Bytes of a real data folder are flipped, zeroed or cut off in any file: either the served data
//! are unchanged, or the damage is found. No witness is ever wrong, nothing panics, nothing hangs,
//! and a repair restores everything that was not hit.
//!
//! `WITNESS_FLIPS` is the number of rounds, `WITNESS_FLIPS_SEED` the first seed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use zksync_witness_server::testing::dice::Dice;
use zksync_witness_server::testing::internals::store::{Finding, Inspection, Severity, Store, StoreOptions};
use zksync_witness_server::testing::internals::workers::doctor;

use crate::support::real_folder::{Contents, contents, copy, files, grow, serve_to_the_end};

/// Longest time for one operation on a folder.
const PATIENCE: Duration = Duration::from_secs(120);

/// Damages one file; returns its name and a description of the damage.
fn hit(folder: &Path, dice: &mut Dice) -> (String, String) {
    let all = files(folder);
    let sort = |name: &str| match name.split('/').next() {
        Some("index") if name.ends_with("/db") => 0,
        Some("index") => 1,
        Some("blobs") => 2,
        Some("journal") => 3,
        _ => 4,
    };
    // The kv is one file, and the most important one.
    let wanted = [0, 0, 0, 0, 1, 2, 2, 2, 3, 3, 4][dice.below(11)];
    let candidates: Vec<&String> = all.keys().filter(|name| sort(name) == wanted).collect();
    let name = candidates[dice.below(candidates.len())].clone();
    let mut bytes = all[&name].clone();
    // Most of sled's file is unused; only used parts are damaged.
    let written: Vec<usize> =
        (0..bytes.len()).step_by(64).filter(|at| bytes[*at..].iter().take(64).any(|b| *b != 0)).collect();
    let at = written.get(dice.below(written.len().max(1))).map_or(0, |at| at + dice.below(64));
    let at = at.min(bytes.len().saturating_sub(1));
    let what = match dice.below(8) {
        _ if bytes.is_empty() => {
            bytes = vec![0x55; 7];
            "bytes appended".to_string()
        }
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let page = at / 512 * 512;
            bytes.iter_mut().skip(page).take(512).for_each(|byte| *byte = 0);
            format!("page {page} zeroed")
        }
        _ => {
            let bit = dice.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
    };
    fs::write(folder.join(&name), bytes).unwrap();
    (name, what)
}

/// Runs something on a thread of its own; fails if it panics or hangs.
fn bounded<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || send.send(run()));
    match receive.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::LeftOver)
}

fn examined(folder: &Path) -> Vec<Finding> {
    let folder = folder.to_owned();
    bounded("doctor", move || {
        let inspection = Inspection::open(&folder, StoreOptions::default()).unwrap();
        doctor::check(&inspection, &|_, _, _| {}).unwrap()
    })
}

/// Checks that nothing a server would serve differs from the original; returns true if nothing is
/// missing, `None` if the folder is refused.
fn served(folder: &Path, original: &Contents, what: &str) -> Option<bool> {
    let folder = folder.to_owned();
    let (found, damaged) = bounded("serve", move || {
        let store = Store::open(&folder, StoreOptions::default()).ok()?;
        Some(contents(&store))
    })?;
    for (name, body) in &found {
        assert!(original.get(name) == Some(body), "{what}: {name} is served with wrong bytes");
    }
    Some(damaged == 0 && found.len() == original.len())
}

/// Runs the binary, which must end in time and without a panic.
fn binary(what: &str, args: &[&str], folder: &Path, until_killed: bool) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(args)
        .arg("--data-dir")
        .arg(folder)
        .env_clear()
        .env("API_PROVER_SECRET_AUTH", "a secret of more than thirty-two bytes")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if until_killed && start.elapsed() > Duration::from_millis(1500) {
            child.kill().unwrap();
        }
        assert!(start.elapsed() < PATIENCE, "{what}: {args:?} hangs");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("panicked"), "{what}: {args:?}: {told}");
    assert!(output.status.code().is_some() || until_killed, "{what}: {args:?} was aborted: {told}");
    output
}

/// Returns true if damage to the file may lose these items: it holds the only copy of one that the
/// others depend on.
fn may_be_lost<T>(name: &str, lost: &[T]) -> bool {
    lost.is_empty() || name.starts_with("blobs/")
}

struct Rounds {
    rounds: u64,
    /// The binary runs every `binary` rounds, and one of `repair` unsound folders is repaired.
    binary: u64,
    repair: u64,
}

fn run(Rounds { rounds, binary: binaries, repair: repairs }: Rounds) {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let rounds = number("WITNESS_FLIPS", rounds);
    let first = number("WITNESS_FLIPS_SEED", 1);
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("original");
    grow(&folder);
    let original = contents(&Store::open(&folder, StoreOptions::default()).unwrap()).0;
    let finished = {
        let copied = parent.path().join("finished");
        copy(&folder, &copied);
        serve_to_the_end(&copied);
        contents(&Store::open(&copied, StoreOptions::default()).unwrap()).0
    };
    assert!(is_sound(&examined(&folder)), "{:#?}", examined(&folder));

    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unsound = 0;
    for seed in first..first + rounds {
        let copied = parent.path().join("copy");
        copy(&folder, &copied);
        let (name, how) = hit(&copied, &mut Dice::new(seed));
        let what = format!("seed {seed}: {name}, {how}");
        let before = files(&copied);
        let findings = examined(&copied);
        assert!(files(&copied) == before, "{what}: the check has changed the folder");
        let sound = is_sound(&findings);
        if seed % binaries == 0 {
            let output = binary(&what, &["doctor"], &copied, false);
            assert_eq!(output.status.code(), Some(if sound { 0 } else { 6 }), "{what}: {findings:#?}");
        }
        let opened = parent.path().join("opened");
        copy(&copied, &opened);
        let outcome = match (sound, served(&opened, &original, &what)) {
            (true, whole) => {
                assert_eq!(
                    whole,
                    Some(true),
                    "{what}: nothing was found, and it is not served as before: {findings:#?}"
                );
                "nothing of it matters: served as before"
            }
            (false, Some(true)) => "found, and served as before",
            (false, Some(false)) => "found, the rest is served",
            (false, None) => "found and refused",
        };
        *tally.entry(outcome).or_default() += 1;
        fs::remove_dir_all(&opened).unwrap();
        if seed % binaries == 0 {
            copy(&copied, &opened);
            let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
            let output = binary(&what, &serve, &opened, true);
            if let Some(code) = output.status.code() {
                assert_eq!(code, 4, "{what}");
                let told = String::from_utf8_lossy(&output.stderr);
                let last = told.lines().last().unwrap();
                assert!(last.starts_with("witness-server: "), "{what}: {told}");
            }
            fs::remove_dir_all(&opened).unwrap();
        }
        if !sound {
            unsound += 1;
            if unsound % repairs == 0 {
                repaired(&copied, &name, &finished, &what);
                *tally.entry("repaired").or_default() += 1;
            }
        }
        fs::remove_dir_all(&copied).unwrap();
    }
    println!("{rounds} folders damaged: {tally:#?}");
}

/// Repairs the folder and serves it to the end: everything is as without the damage, except for
/// what was hit.
fn repaired(folder: &Path, name: &str, finished: &Contents, what: &str) {
    let path = folder.to_owned();
    let repaired =
        bounded("repair", move || doctor::repair(&path, &StoreOptions::default(), true, &|_, _, _| {}));
    let replaced = match repaired {
        Ok(repaired) => repaired.replaced.unwrap(),
        Err(doctor::RepairError::NoGenesis) => {
            assert!(name.starts_with("blobs/"), "{what}: no genesis");
            return;
        }
        Err(error) => panic!("{what}: {error}"),
    };
    assert!(may_be_lost(name, &replaced.lost), "{what}: {:?}", replaced.lost);
    assert_eq!(examined(folder), vec![], "{what}");
    let path = folder.to_owned();
    bounded("serving to the end", move || serve_to_the_end(&path));
    let store = Store::open(folder, StoreOptions::default()).unwrap();
    let (found, damaged) = contents(&store);
    assert_eq!(damaged, 0, "{what}");
    let kept = |name: &&String| !name.contains("job");
    if replaced.lost.is_empty() {
        let (found, finished): (Vec<_>, Vec<_>) =
            (found.keys().filter(kept).collect(), finished.keys().filter(kept).collect());
        assert_eq!(found, finished, "{what}");
    }
    for (item, body) in found.iter().filter(|(name, _)| kept(name)) {
        assert!(finished.get(item) == Some(body), "{what}: {item} differs after the repair");
    }
}

#[test]
fn damage_of_any_byte_is_found_or_harmless() {
    run(Rounds { rounds: 40, binary: 10, repair: 7 });
}

/// The long form: `WITNESS_FLIPS=5000 cargo test --release --test it damaged_files_are_detected --
/// --ignored --nocapture`.
#[test]
#[ignore = "long: 5000 damaged folders take hours"]
fn thousands_of_damages_are_found_or_harmless() {
    run(Rounds { rounds: 5_000, binary: 50, repair: 10 });
}
