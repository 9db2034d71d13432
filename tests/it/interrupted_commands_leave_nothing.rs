//! A killed command leaves no folder that looks like another one, and no file that stays.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::real_folder::{contents, copy, grow};
use crate::support::{chain, command_on, run, run_badly, run_well, sample_chain, until};
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Checks that every command refuses the folder and says why.
fn is_refused(folder: &Path) {
    // A restore that is killed at once has not created the lock file; the first command does.
    let content = || -> Vec<String> { names(folder).into_iter().filter(|name| name != "LOCK").collect() };
    let before = content();
    let data = text(folder);
    let serve = ["serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let out = folder.with_extension("out");
    let source = chain("deposit");
    let commands: [&[&str]; 7] = [
        &serve,
        &["status", "--data-dir", data],
        &["doctor", "--data-dir", data],
        &["doctor", "--data-dir", data, "--repair"],
        &["backup", "--data-dir", data, "--out", text(&out)],
        &["revert", "--data-dir", data, "--to", "0"],
        &["import", "--data-dir", data, text(&source)],
    ];
    for args in commands {
        let sentence = run_badly(args, 4);
        assert!(sentence.contains("restore"), "{args:?}: {sentence}");
        assert_eq!(content(), before, "{args:?}");
    }
}

#[test]
fn a_folder_with_an_unfinished_restore_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    grow(&data);
    run_well(&["backup", "--data-dir", text(&data), "--out", text(&backup)]);
    let target = parent.path().join("restored");
    // The states of a restore, in their order.
    for moved in [None, Some(0), Some(1), Some(2)] {
        fs::create_dir_all(target.join("restoring")).unwrap();
        fs::write(target.join("LOCK"), "").unwrap();
        if let Some(moved) = moved {
            copy(&data, &target.join("restoring"));
            for part in ["blobs", "journal"].iter().take(moved) {
                fs::rename(target.join("restoring").join(part), target.join(part)).unwrap();
            }
        }
        is_refused(&target);
        // While it is running, it is not called interrupted.
        let lock = fs::File::open(target.join("LOCK")).unwrap();
        lock.lock().unwrap();
        for args in [["status", "--data-dir", text(&target)], ["doctor", "--data-dir", text(&target)]] {
            let sentence = run_badly(&args, 4);
            assert!(sentence.contains("stop it") && !sentence.contains("interrupted"), "{sentence}");
        }
        drop(lock);
        run_well(&["restore", text(&backup), "--data-dir", text(&target)]);
        assert_eq!(names(&target), ["LOCK", "blobs", "index", "journal"]);
        run_well(&["doctor", "--data-dir", text(&target)]);
        if moved != Some(2) {
            fs::remove_dir_all(&target).unwrap();
        }
    }
    // Killed after the last part moved: the folder is complete.
    fs::create_dir_all(target.join("restoring")).unwrap();
    fs::write(target.join("restoring/LOCK"), "").unwrap();
    run_well(&["witness", "--data-dir", text(&target)]);
    assert_eq!(names(&target), ["LOCK", "blobs", "index", "journal"]);
}

#[test]
fn a_restore_into_what_is_no_folder_is_a_fault_of_the_data_folder() {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    grow(&data);
    run_well(&["backup", "--data-dir", text(&data), "--out", text(&backup)]);
    let before = fs::read(&backup).unwrap();
    for target in [backup.clone(), backup.join("below")] {
        let sentence = run_badly(&["restore", text(&backup), "--data-dir", text(&target)], 4);
        assert!(sentence.contains("Not a directory"), "{sentence}");
    }
    assert!(fs::read(&backup).unwrap() == before);
}

#[test]
fn a_killed_restore_is_never_taken_for_a_new_folder() {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    grow(&data);
    run_well(&["backup", "--data-dir", text(&data), "--out", text(&backup)]);
    for after_ms in [0, 3, 6, 10, 20, 40, 80] {
        let target = parent.path().join(format!("restored-{after_ms}"));
        let mut restoring = Command::new(env!("CARGO_BIN_EXE_witness-server"))
            .args(["restore", text(&backup), "--data-dir", text(&target)])
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(|| (target.exists() || restoring.try_wait().unwrap().is_some()).then_some(()));
        std::thread::sleep(Duration::from_millis(after_ms));
        let _ = restoring.kill();
        restoring.wait().unwrap();
        if target.join("index").exists() {
            run_well(&["status", "--data-dir", text(&target)]);
            let (restored, _) = contents(&Store::open(&target, StoreOptions::default()).unwrap());
            assert!(restored.contains_key("genesis"), "{after_ms} ms: {:?}", restored.keys());
        } else {
            is_refused(&target);
        }
    }
}

#[test]
fn temporary_files_are_removed_by_the_next_command() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    grow(&data);
    let sound = names(&data);
    // Killed checks leave at most their copy.
    for after_ms in [1, 10, 20, 40] {
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_witness-server"))
            .args(["doctor", "--data-dir", text(&data)])
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        let _ = doctor.kill();
        doctor.wait().unwrap();
    }
    for name in ["index.new", "journal.new", "repair.tmp", "doctor-a1b2c3.tmp"] {
        fs::create_dir_all(data.join(name)).unwrap();
        fs::write(data.join(name).join("file"), "x").unwrap();
    }
    for name in ["index.probe", "secret-a1b2c3.tmp", "blobs/00000000000000ff.tmp"] {
        fs::write(data.join(name), "x").unwrap();
    }
    // A check changes nothing.
    let before = names(&data);
    assert_eq!(run(&["doctor", "--data-dir", text(&data)]).status.code(), Some(0));
    assert_eq!(names(&data), before);
    for command in [&["witness"][..], &["doctor", "--repair"]] {
        fs::create_dir_all(data.join("doctor-d4e5f6.tmp/index")).unwrap();
        run_well(&[command, &["--data-dir", text(&data)]].concat());
        assert_eq!(names(&data), sound, "{command:?}");
    }
    assert_eq!(names(parent.path()), ["data"]);
    assert!(!data.join("blobs/00000000000000ff.tmp").exists());
}

#[test]
fn a_folder_whose_creation_is_killed_is_empty_and_not_damaged() {
    for _ in 0..5 {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let mut command = command_on(&data, &["import", &sample_chain()]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Without a pause: the rest of the creation takes milliseconds.
        while !data.join("index").exists() {
            assert!(child.try_wait().unwrap().is_none(), "the import has ended");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let shown = run(&["status", "--data-dir", text(&data)]);
        assert_eq!(shown.status.code(), Some(0), "{shown:?}, {:?}", names(&data));
        run_well(&["import", "--data-dir", text(&data), &sample_chain()]);
    }
}

#[test]
fn a_signal_right_after_its_start_leaves_no_temporary_folder() {
    let sample = sample_chain();
    let chain: &[&str] = &["run", "--until", "verified", &sample];
    let script: &[&str] = &["run", "--until", "verified", "--script", "sleep 60"];
    for args in [&["demo"], chain, script] {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(args).env_clear().env("TMPDIR", temporary.path());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(|| (!names(temporary.path()).is_empty()).then_some(()));
        let stop = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(stop.success());
        let status = until(|| child.try_wait().unwrap());
        assert_eq!(status.code(), Some(1), "{args:?}");
        assert_eq!(names(temporary.path()), Vec::<String>::new(), "{args:?}");
    }
}
