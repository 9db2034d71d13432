//! Rounds of a crash test: a revert or a start that is killed, a load until a kill, and a last
//! round in which everything is proven.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use zksync_witness_server::api::paths;
use zksync_witness_server::testing::internals::store::{Store, StoreOptions};
use zksync_witness_server::testing::{dice::Dice, ledger::Moment};

use crate::support::{
    SECRET, Server,
    invariants::{Found, look},
    load::{Load, SETTINGS},
    sealed_chain::BRANCH_DEPTH,
    world::World,
};

/// Changes the command of a process before it starts.
pub type Prepare<'a> = &'a dyn Fn(&mut Command);

/// Runs a server under load and kills it after a random time, which is returned.
pub fn serve_until_killed(
    folder: &Path,
    world: &Mutex<World>,
    now: &(dyn Fn() -> Moment + Sync),
    dice: &mut Dice,
    prepare: Prepare,
) -> Duration {
    let time = Duration::from_millis(dice.between(30, 450));
    let mut server = start(folder, prepare);
    Load::new(&server.url.clone(), world, now, false).run(dice, |_| {
        std::thread::sleep(time);
        server.kill();
    });
    time
}

/// Runs a server under load and kills it once it has acknowledged the block.
pub fn serve_until_acknowledged(
    folder: &Path,
    world: &Mutex<World>,
    block: u32,
    dice: &mut Dice,
    prepare: Prepare,
) {
    let mut server = start(folder, prepare);
    Load::new(&server.url.clone(), world, &|| 0, false).run(dice, |load| {
        while load.is_running() && world.lock().unwrap().ledger.head(Moment::MAX) < block {
            std::thread::sleep(Duration::from_millis(1));
        }
        server.kill();
    });
}

fn start(folder: &Path, prepare: Prepare) -> Server {
    Server::start_with(folder, SECRET, SETTINGS, |command| {
        prepare(command);
        command
    })
}

/// Runs the binary and kills it after the given time; returns true if it had succeeded by then.
fn run(args: &[&str], folder: &Path, prepare: Prepare, kill_after: Option<Duration>) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.args(args).arg("--data-dir").arg(folder).env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    prepare(&mut command);
    let mut child = command.spawn().unwrap();
    if let Some(time) = kill_after {
        std::thread::sleep(time);
        child.kill().unwrap();
        return child.wait().unwrap().success();
    }
    let ended = child.wait().unwrap();
    assert!(ended.success(), "{args:?}: {ended}");
    true
}

/// Kills a server while it starts.
pub fn start_and_kill(folder: &Path, dice: &mut Dice, prepare: Prepare) {
    let args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    run(&args, folder, prepare, Some(Duration::from_millis(dice.between(5, 60))));
}

/// A revert that was started.
#[derive(Clone, Copy, Debug)]
pub struct Revert {
    pub to: u32,
    /// True if the process succeeded.
    pub acknowledged: bool,
}

/// Reverts some blocks and often kills the process during that; `None` if no block is stored.
pub fn revert(folder: &Path, world: &Mutex<World>, dice: &mut Dice, prepare: Prepare) -> Option<Revert> {
    let head = world.lock().unwrap().ledger.head(Moment::MAX);
    if head == 0 {
        return None;
    }
    let to = head - dice.between(1, u64::from(head.min(BRANCH_DEPTH / 2))) as u32;
    let kill_after = dice.happens(0.6).then(|| Duration::from_millis(dice.between(5, 80)));
    let acknowledged = run(&["revert", "--to", &to.to_string()], folder, prepare, kill_after);
    Some(Revert { to, acknowledged })
}

/// Checks that a revert was completed or has changed nothing, and was completed if it succeeded.
/// The chain continues from there, on the same branch or another one.
pub fn settle(folder: &Path, world: &mut World, dice: &mut Dice, revert: Revert) {
    let before = world.ledger.head(Moment::MAX);
    let head = Store::open(folder, StoreOptions::default()).unwrap().chain().head().unwrap();
    let Revert { to, acknowledged } = revert;
    if head == to {
        world.ledger.revert(to);
        world.tally.reverts += 1;
        if dice.happens(0.5) {
            world.chain.branch_off(to);
        }
    } else {
        assert!(
            !acknowledged && head == before,
            "a revert from {before} to {to} ({acknowledged}) led to {head}"
        );
    }
}

/// Serves without a kill until everything is proven and aggregated.
pub fn finish(folder: &Path, world: &Mutex<World>, dice: &mut Dice) -> Found {
    let server = start(folder, &|_| {});
    let begin = Instant::now();
    Load::new(&server.url, world, &|| 0, true).run(dice, |load| {
        loop {
            let status = load.get_json(paths::STATUS).unwrap();
            let of = |pointer: &str| status.pointer(pointer).unwrap().as_u64().unwrap();
            let head = of("/blocks/head");
            let at = ["/blocks/witnessed", "/jobs/last_single_block", "/jobs/last_aggregated_block"].map(of);
            if at == [head; 3] && of("/jobs/pending") == 0 {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "not everything is proven: {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    drop(server);
    let found = look(folder, &world.lock().unwrap(), Moment::MAX, true);
    assert_eq!(found.findings, Vec::<String>::new());
    for number in 1..=found.head {
        assert!(found.store.queue().has_single_proof(number).unwrap(), "block {number} has no proof");
    }
    found
}
