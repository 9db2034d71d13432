//! A load: many provers at once against the real server as a process of its own, on a real disk, for a set time.
//!
//! Each prover is one connection that is kept alive. It asks for a job, sends heartbeats in a tight loop for a random while, and
//! hands in a well-formed proof with the right public input. Some give their job back instead, some vanish so that their
//! lease runs out, some read their job very slowly. Blocks are imported as fast as they are proven, ranges are
//! aggregated, proven and executed, and retention drops what is executed: the work never ends, and what is kept beside blocks, proofs
//! and operations does not grow.
//!
//! At the end the server is stopped and started again, and must have everything that it acknowledged.
//!
//! | module | noun |
//! | --- | --- |
//! | [`prover`] | a simulated prover |
//! | [`feeder`] | blocks and executed operations |
//! | [`world`] | what all tasks share, and how they send requests |
//! | [`templates`] | proofs to publish |
//! | [`tally`] | what is counted |
//! | [`ledger`] | what was acknowledged |
//! | [`report`] | what it came to |

pub mod feeder;
pub mod ledger;
pub mod prover;
pub mod report;
#[path = "../common/server_process.rs"]
#[allow(dead_code, reason = "two benchmarks share it, and each uses a part")]
pub mod server_process;
#[allow(clippy::expect_used)]
pub mod tally;
pub mod templates;
pub mod world;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;

use ledger::Ledger;
use prover::Prover;
use report::{Report, Sample};
use server_process::{SECRET, ServerProcess};
pub use world::LoadOptions;
use world::World;
use zksync_witness_server::api::tokens::{Authenticator, CLIENT_SUBJECT};
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::ChainBuilder;
use zksync_witness_server::testing::internals::store::StoreBytes;

/// Life of a token.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);
/// Accounts of the chain, and those of them that send.
const ACCOUNTS: u32 = 64;
const SIGNERS: u32 = 16;
/// Longest warm-up; a shorter load warms up for a quarter of its time.
const WARM_UP: Duration = Duration::from_secs(60);
/// How often the server is looked at, and how many looks are reported at most.
const LOOK: Duration = Duration::from_secs(1);
const SAMPLES: usize = 60;
/// Longest lease without a heartbeat; a shorter load has a sixth of its time, so that leases do run out.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);
/// Descriptors beyond one for each connection, of either side: listeners, files of the store, the feeder.
const OTHER_DESCRIPTORS: u64 = 128;
/// Longest wait for the server to close what its clients have closed.
const REST: Duration = Duration::from_secs(5);

/// Runs a load.
///
/// # Errors
/// When the server does not start, ends early, or the state of the chain cannot be brought into it. What the server does wrong under
/// load is no error here but in the report: see [`Report::complaint`].
pub fn run(options: LoadOptions) -> anyhow::Result<Report> {
    let connections = options.connections as u64;
    raise_descriptor_limit(connections + OTHER_DESCRIPTORS)?;
    let scratch = tempfile::Builder::new().prefix("witness-server-load-").tempdir_in(&options.scratch)?;
    let folder = options.data_dir.clone().unwrap_or_else(|| scratch.path().join("data"));
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} holds something already; name a folder that is empty or absent", folder.display());
    }
    let log = scratch.path().join("server.log");
    let gone_timeout = (options.duration / 6).clamp(Duration::from_secs(1), GONE_TIMEOUT);
    let arguments = [
        "--log=warn".to_owned(),
        "--aggregate=1,8".to_owned(),
        "--set=aggregate_deadline=1s".to_owned(),
        "--set=keep_verified=100".to_owned(),
        "--set=max_attempts=100000".to_owned(),
        format!("--set=max_connections={}", connections + OTHER_DESCRIPTORS),
        format!("--set=gone_timeout={}ms", gone_timeout.as_millis()),
    ];
    let start = || ServerProcess::start(&options.server, &folder, Some(&log), &arguments);
    let mut server = start()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")?;
    let chain = ChainBuilder::new(ACCOUNTS, SIGNERS);
    let world = |server: &ServerProcess, end, options: LoadOptions, ledger| {
        let token = Authenticator::new(&Secret::new(SECRET)?).mint(CLIENT_SUBJECT, TOKEN_TTL)?;
        World::new(options, server.url(), token, ledger, gone_timeout, end)
    };
    let before = world(&server, Instant::now(), options.clone(), Ledger::default())?;
    runtime.block_on(feeder::genesis(&before, &chain))?;

    let begin = Instant::now();
    let bearing = Arc::new(world(&server, begin + options.duration, options.clone(), Ledger::default())?);
    let look = Look { begin, folder: &folder };
    let first = look.at(&server);
    let load = runtime.block_on(bear(bearing.clone(), &mut server, chain, &look))?;
    let counts = bearing.tally.take();
    let at_rest = look.at_rest(&server, first.footprint.descriptors);
    server.stop().context("after the load")?;

    let server = start().context("after the load")?;
    let ledger = Arc::into_inner(bearing).context("a task of the load goes on")?.ledger;
    let world = world(&server, Instant::now(), options, ledger)?;
    let found = runtime.block_on(world.ledger.check(&world.client()))?;
    server.stop().context("after the check")?;
    Ok(Report {
        connections: world.options.connections,
        duration: world.options.duration,
        measured: load.measured,
        counts,
        start: first,
        warm: load.warm,
        end: load.end,
        at_rest,
        samples: load.samples,
        found,
    })
}

/// What was seen while the load lasted.
struct Seen {
    measured: Duration,
    warm: Sample,
    end: Sample,
    samples: Vec<Sample>,
}

/// All provers and the feeder, until the end of the load.
async fn bear(
    world: Arc<World>,
    server: &mut ServerProcess,
    chain: ChainBuilder,
    look: &Look<'_>,
) -> anyhow::Result<Seen> {
    let mut tasks = JoinSet::new();
    let complain = |world: Arc<World>, what: &'static str, outcome: anyhow::Result<()>| {
        if let Err(error) = outcome {
            world.tally.unexpected(|| format!("{what}: {error:#}"));
        }
    };
    let (importing, executing) = (world.clone(), world.clone());
    tasks.spawn(async move {
        let outcome = feeder::import(importing.clone(), chain).await;
        complain(importing, "import", outcome);
    });
    tasks.spawn(async move {
        let outcome = feeder::execute(executing.clone()).await;
        complain(executing, "operations", outcome);
    });
    for number in 0..world.options.connections {
        tasks.spawn(Prover::new(world.clone(), number).run());
    }
    let duration = world.options.duration;
    let warm_up = WARM_UP.min(duration / 4);
    tokio::time::sleep(warm_up).await;
    world.tally.begin();
    let measuring = Instant::now();
    let warm = look.at(server);
    let (mut samples, mut end) = (vec![warm], warm);
    let apart = LOOK.max(duration / SAMPLES as u32);
    while !world.is_over() {
        tokio::time::sleep(LOOK.min(world.end.saturating_duration_since(Instant::now()))).await;
        ensure!(!server.has_ended(), "the server ended by itself{}", server.end_of_log());
        if !world.is_over() {
            end = look.at(server);
            if samples.last().is_none_or(|last| end.at_s - last.at_s >= apart.as_secs_f64()) {
                samples.push(end);
            }
        }
    }
    let measured = measuring.elapsed();
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(Seen { measured, warm, end, samples })
}

/// How the server is looked at.
struct Look<'a> {
    begin: Instant,
    folder: &'a Path,
}

impl Look<'_> {
    fn at(&self, server: &ServerProcess) -> Sample {
        let at_s = self.begin.elapsed().as_secs_f64();
        Sample {
            at_s,
            footprint: server.footprint(),
            disk_bytes: StoreBytes::of(self.folder).map_or(0, StoreBytes::total),
        }
    }

    /// Once it has as few descriptors as at first, or after a while.
    fn at_rest(&self, server: &ServerProcess, first: u64) -> Sample {
        let begin = Instant::now();
        while server.footprint().descriptors > first && begin.elapsed() < REST {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.at(server)
    }
}

/// Lets this process, and the server it starts, have so many descriptors.
fn raise_descriptor_limit(needed: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        bail!(
            "{needed} descriptors are needed, the system allows this user {}; raise the limit (ulimit -Hn) or take fewer --connections",
            maximum.unwrap_or_default()
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .context("raising the limit of open files (ulimit -n)")
}
