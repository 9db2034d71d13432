//! If the system makes no thread, a command ends with one sentence and exit code 4, or it works
//! without the thread. It never hangs, and a server that has started answers every request.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{
    Begun, Ended, begun, block, command_on,
    faults::{Call, Effect, Fault, Faults},
    genesis, http, run_to_end, token, until,
};

const CHAIN: &str = "deposit";

fn serve(folder: &Path) -> Command {
    let mut command =
        command_on(folder, &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--set", "prepare_data_interval=200ms"]);
    command
}

/// Imports a block and waits for its witness, while no further thread can be made.
fn works(server: &Begun) {
    let (url, _) = server.line.strip_prefix("serving on ").unwrap().split_once(", ").unwrap();
    let ask = |method: &str, path: &str, body: &str| http(url, method, path, Some(&token()), body);
    let imported = block(CHAIN);
    ask("POST", "/api/v1/genesis", &String::from_utf8(genesis(CHAIN)).unwrap()).accepted();
    ask("POST", "/api/v1/blocks", &imported.to_string()).accepted();
    until(|| (ask("GET", "/api/v1/status", "").accepted().json()["blocks"]["witnessed"] == 1).then_some(()));
}

fn starts_without_threads(last: u64, positions: impl Iterator<Item = u64>) {
    let (mut started, mut refused) = (0, 0);
    for position in positions {
        for fault in [Fault::once(position, Effect::NotNow), Fault::from(position, Effect::NotNow)] {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("data");
            let faults = Faults::new(&folder);
            faults.arm(Call::THREADS, fault);
            let mut server = begun(faults.prepare(&mut serve(&folder)));
            if server.is_serving() {
                works(&server);
                started += 1;
            } else {
                server.end().is_one_sentence(4, &format!("{fault:?} of {last}"));
                refused += 1;
            }
        }
    }
    println!("{started} servers work without a thread, {refused} starts are refused");
}

/// Returns the number of threads that a server has made when it serves.
fn threads() -> u64 {
    let parent = tempfile::tempdir().unwrap();
    let faults = Faults::new(&parent.path().join("data"));
    faults.count(Call::THREADS);
    assert!(begun(faults.prepare(&mut serve(&parent.path().join("data")))).is_serving());
    faults.counted()
}

#[test]
fn a_server_starts_with_its_threads_or_not_at_all() {
    let last = threads();
    starts_without_threads(last, [1, 2, last / 2, last, last + 1].into_iter());
}

#[test]
#[ignore = "runs for 5 minutes: every thread of a server is missing once"]
fn any_thread_of_a_server_can_be_missing() {
    let last = threads();
    starts_without_threads(last, 1..=last + 2);
}

/// Writes a chain folder.
fn chain(parent: &Path) -> PathBuf {
    let chain = parent.join("chain");
    std::fs::create_dir_all(chain.join("blocks")).unwrap();
    std::fs::write(chain.join("genesis.json"), genesis(CHAIN)).unwrap();
    std::fs::write(chain.join("blocks/000001.json"), block(CHAIN).to_string()).unwrap();
    chain
}

/// The threads may run out at any moment: for example after the check that there are enough for sled.
#[test]
fn a_first_import_ends_whenever_threads_run_out() {
    let parent = tempfile::tempdir().unwrap();
    let chain = chain(parent.path());
    let import = |arm: &dyn Fn(&Faults)| {
        let folder = tempfile::tempdir_in(parent.path()).unwrap();
        let faults = Faults::new(&folder.path().join("data"));
        arm(&faults);
        let import = ["import", chain.to_str().unwrap()];
        let ended = run_to_end(faults.prepare(&mut command_on(&folder.path().join("data"), &import)));
        (ended, faults.counted())
    };
    let (undisturbed, last) = import(&|faults| faults.count(Call::THREADS));
    assert_eq!(undisturbed.code, Some(0), "{}", undisturbed.error);
    for position in 1..=last {
        let (ended, _) = import(&|faults| faults.arm(Call::THREADS, Fault::from(position, Effect::NotNow)));
        if ended.code != Some(0) {
            ended.is_one_sentence(4, &format!("from {position} of {last}"));
        }
    }
}

#[test]
fn commands_without_threads_do_not_hang() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let chain = chain(parent.path());
    let import = ["import", chain.to_str().unwrap()];
    let faults = Faults::new(&folder);
    let without_threads = |args: &[&str]| -> Ended {
        faults.arm(Call::THREADS, Fault::from(1, Effect::NotNow));
        run_to_end(faults.prepare(&mut command_on(&folder, args)))
    };
    without_threads(&import).is_one_sentence(4, "import");
    faults.disarm();
    let imported = run_to_end(faults.prepare(&mut command_on(&folder, &import)));
    assert_eq!(imported.code, Some(0), "{}", imported.error);
    for args in [&["status"][..], &["witness"], &["doctor"], &["revert", "--to", "1"]] {
        without_threads(args).is_one_sentence(4, &format!("{args:?}"));
    }
    faults.disarm();
    let witnessed = run_to_end(faults.prepare(&mut command_on(&folder, &["witness"])));
    assert_eq!(witnessed.code, Some(0), "{}", witnessed.error);
}
