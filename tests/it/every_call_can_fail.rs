//! The tests of faults depend on `tests/preload/faults.c`: it reaches every kind of call that the
//! standard library makes, and no call about other folders.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    faults::{Call, Effect, Fault, Faults},
    this_test,
};

const FOLDER: &str = "FAULTS_TEST_FOLDER";

/// An operation that makes a call of one kind, with a file that exists.
type Operation = fn(&Path) -> io::Result<()>;

const OPERATIONS: [(Call, Operation); 14] = [
    (Call::Open, |file| File::open(file).map(drop)),
    (Call::List, |file| fs::read_dir(file.parent().unwrap())?.try_for_each(|entry| entry.map(drop))),
    (Call::Stat, |file| file.metadata().map(drop)),
    (Call::Read, |file| File::open(file)?.read_exact(&mut [0; 8])),
    (Call::ReadAt, |file| File::open(file)?.read_exact_at(&mut [0; 8], 1)),
    (Call::Copy, |file| fs::copy(file, file.with_extension("copy")).map(drop)),
    (Call::Write, |file| File::create(file.with_extension("new"))?.write_all(b"new content")),
    (Call::WriteAt, |file| File::create(file.with_extension("new"))?.write_all_at(b"new content", 3)),
    (Call::Resize, |file| File::create(file.with_extension("new"))?.set_len(7)),
    (Call::Sync, |file| File::open(file)?.sync_all()),
    (Call::Name, |file| fs::rename(file.with_extension("new"), file.with_extension("newer"))),
    (Call::Unlink, |file| fs::remove_file(file.with_extension("newer"))),
    (Call::Lock, |file| File::open(file)?.try_lock().map_err(io::Error::from)),
    (Call::Thread, |_| {
        std::thread::Builder::new().spawn(|| ())?.join().map_err(|_| io::Error::other("panic"))
    }),
];

/// Runs the operations in a process of its own; returns the outcome of each, as a line.
fn run(faults: &Faults, folder: &Path) -> Vec<String> {
    let mut command: Command = this_test(module_path!(), "the_operations_of_a_process");
    command.arg("--ignored").env(FOLDER, folder);
    let output = faults.prepare(&mut command).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("outcome: ")).map(str::to_owned).collect();
    assert_eq!(lines.len(), OPERATIONS.len(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    lines
}

#[test]
#[ignore = "runs inside the other test"]
fn the_operations_of_a_process() {
    let folder = std::env::var_os(FOLDER).expect("set by the other test");
    for (_, operation) in OPERATIONS {
        let outcome = operation(&Path::new(&folder).join("file"));
        println!("outcome: {:?}", outcome.map_err(|error| error.raw_os_error()));
    }
}

#[test]
fn a_fault_hits_the_chosen_call_and_no_other() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, other) = (parent.path().join("data"), parent.path().join("other"));
    for folder in [&folder, &other] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), "some content").unwrap();
    }
    let faults = Faults::new(&folder);
    let sound = vec!["Ok(())".to_owned(); OPERATIONS.len()];
    for (at, (call, _)) in OPERATIONS.iter().enumerate() {
        faults.count(&[*call]);
        assert_eq!(run(&faults, &folder), sound);
        let last = faults.counted();
        assert!(last > 0, "{call:?}");
        faults.arm(&[*call], Fault::from(last + 1, Effect::Io));
        assert_eq!(run(&faults, &folder), sound);
        assert_eq!(faults.failed(), 0);
        // The operation of a kind is the last one that makes such a call, or the next ones use its
        // result as well.
        // `EAGAIN` is an ordinary answer to a lock, and the only error of a thread.
        let (effect, code) =
            if *call == Call::Thread { (Effect::NotNow, 11) } else { (Effect::NoMemory, 12) };
        faults.arm(&[*call], Fault::from(1, effect));
        let outcomes = run(&faults, &folder);
        let expected = format!("Err(Some({code}))");
        assert_eq!(outcomes[at], expected, "{call:?}: {outcomes:?}, {}", faults.first_failure());
        // Threads belong to no folder, and the harness of the tests makes one.
        if *call != Call::Thread {
            faults.arm(&[*call], Fault::from(1, Effect::Io));
            assert_eq!(run(&faults, &other), sound);
            assert_eq!(faults.failed(), 0);
        }
    }
    let known = [Call::READING, Call::WRITING, Call::THREADS].concat();
    assert!(OPERATIONS.iter().all(|(call, _)| known.contains(call)));
    faults.arm(Call::TRANSFERS_IN, Fault::once(1, Effect::Short));
    assert_eq!(run(&faults, &folder), sound);
    assert_eq!(faults.failed(), 1);
    // A killed process does not make the call.
    let mut command: Command = this_test(module_path!(), "the_operations_of_a_process");
    command.arg("--ignored").env(FOLDER, &folder);
    faults.arm(&[Call::Unlink], Fault::kill(1));
    let status = faults.prepare(&mut command).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(9));
    assert!(folder.join("file.newer").exists());
    // The standard library repeats an interrupted call.
    for (effect, code) in [
        (Effect::Io, Some(5)),
        (Effect::NoMemory, Some(12)),
        (Effect::Forbidden, Some(13)),
        (Effect::TooManyFiles, Some(24)),
        (Effect::DiskFull, Some(28)),
        (Effect::Interrupted, None),
    ] {
        faults.arm(&[Call::Open], Fault::once(1, effect));
        let expected = code.map_or("Ok(())".to_owned(), |code| format!("Err(Some({code}))"));
        assert_eq!(run(&faults, &folder)[0], expected, "{effect:?}");
    }
}
