//! The load test: many concurrent provers against the real server in a separate process, on a real
//! disk, for a given time.
//!
//! Each prover is one persistent connection. It claims a job, sends heartbeats in a tight loop for
//! a random time, and publishes a well-formed proof with the right public input. Some provers
//! release their job instead, some vanish so that their lease expires, and some read their job very
//! slowly. Blocks are imported as fast as they are proven. Ranges are aggregated, proven and
//! executed, and retention drops what is executed: work is always available, and nothing grows
//! except blocks, proofs and operations.
//!
//! At the end the server is restarted, and must have everything that it acknowledged.
//!
//! | module | noun |
//! | --- | --- |
//! | [`devnet`] | the load on a devnet, which is another one |
//! | [`prover`] | a simulated prover |
//! | [`feeder`] | imports of blocks and operations |
//! | [`world`] | state that all tasks share, and their requests |
//! | [`templates`] | proofs to publish |
//! | [`tally`] | counters |
//! | [`ledger`] | acknowledged blocks and proofs |
//! | [`report`] | the results |

pub mod devnet;
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
use zksync_witness_server::testing::Chain;
use zksync_witness_server::testing::internals::store::StoreBytes;

/// Lifetime of a token.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);
/// Number of accounts of the chain, and of those that send.
const ACCOUNTS: u32 = 64;
const SIGNERS: u32 = 16;
/// Longest warm-up; a short load warms up for a quarter of its duration.
const WARM_UP: Duration = Duration::from_secs(60);
/// Interval between two samples of the server, and the largest number of reported samples.
const LOOK: Duration = Duration::from_secs(1);
const SAMPLES: usize = 60;
/// Longest `gone_timeout` of the server; a short load uses a sixth of its duration, so that leases
/// do expire.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);
/// Descriptors that client and server each need beyond one for each connection: listeners, files of
/// the store, connections of the feeder.
const OTHER_DESCRIPTORS: u64 = 128;
/// Longest wait until the server has closed the connections that its clients have closed.
const REST: Duration = Duration::from_secs(5);

/// Runs a load test.
///
/// # Errors
/// Fails if the server does not start, ends early, or refuses the genesis. Faults of the server
/// under load are not errors: [`Report::complaint`] returns them.
pub fn run(options: LoadOptions) -> anyhow::Result<Report> {
    let connections = options.connections as u64;
    raise_descriptor_limit(connections + OTHER_DESCRIPTORS)?;
    let scratch = tempfile::Builder::new().prefix("witness-server-load-").tempdir_in(&options.scratch)?;
    let folder = options.data_dir.clone().unwrap_or_else(|| scratch.path().join("data"));
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty; name a folder that is empty or absent", folder.display());
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
    let chain = Chain::with_accounts(ACCOUNTS, SIGNERS);
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
    server.stop().context("stopping the server after the load")?;

    let server = start().context("restarting the server after the load")?;
    let ledger = Arc::into_inner(bearing).context("a task of the load is still running")?.ledger;
    let world = world(&server, Instant::now(), options, ledger)?;
    let found = runtime.block_on(world.ledger.check(&world.client()))?;
    server.stop().context("stopping the server after the check")?;
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

/// Observations during the load.
struct Seen {
    measured: Duration,
    warm: Sample,
    end: Sample,
    samples: Vec<Sample>,
}

/// Runs all provers and the feeder until the end of the load.
async fn bear(
    world: Arc<World>,
    server: &mut ServerProcess,
    chain: Chain,
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

/// Takes samples of the server.
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

    /// Returns a sample once the server has at most `first` descriptors, or after [`REST`].
    fn at_rest(&self, server: &ServerProcess, first: u64) -> Sample {
        let begin = Instant::now();
        while server.footprint().descriptors > first && begin.elapsed() < REST {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.at(server)
    }
}

/// Raises the limit of descriptors of this process, and so of the server, to at least `needed`.
fn raise_descriptor_limit(needed: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        bail!(
            "{needed} descriptors are needed, but the system allows {}; raise the limit (ulimit -Hn) or use fewer --connections",
            maximum.unwrap_or_default()
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .context("raising the limit of open files (ulimit -n)")
}
