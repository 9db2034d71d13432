//! `jobs`: lists the jobs of the queue, shows or drops one, requeues some, pauses all claims, or
//! watches them all.

use clap::{ArgGroup, Args, Subcommand, ValueEnum, builder::PossibleValue};
use serde_json::Value;

use super::error::CliError;
use super::export_node::BlockRange;
use super::flags::{self, misplaced};
use super::job_table::table;
use super::job_watch::watch;
use super::output::{show, show_lines};
use super::text_table::{age, json_text, page};
use super::view_source::{ViewSource, now_ms, to_json};
use crate::{
    api::{
        paths,
        views::{JobPage, JobView, PAGE, RequeueOutcome, RequeueRequest, wire_id},
    },
    config::Config,
    domain::job::JobStatus,
    report,
    store::{JobFilter, Store, WhichJobs},
};

/// Arguments of `jobs`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct JobsArgs {
    /// Arguments of the list, which is shown without a subcommand.
    #[command(flatten)]
    pub list: ListArgs,
    /// What to do
    #[command(subcommand)]
    pub action: Option<JobAction>,
}

/// Arguments of `jobs list`.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct ListArgs {
    /// Only jobs with this status
    #[arg(short, long, value_enum)]
    pub status: Option<JobStatus>,
    /// List the newest first
    #[arg(long, conflicts_with = "oldest")]
    pub newest: bool,
    /// List the oldest first: the default
    #[arg(long)]
    pub oldest: bool,
    /// Only jobs with a larger id
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub after: u32,
    /// Only jobs with a smaller id
    #[arg(long, value_name = "ID")]
    pub before: Option<u32>,
    /// Maximum number of jobs
    #[arg(short = 'n', long, value_name = "N", default_value_t = PAGE as u32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print the JSON of the API
    #[arg(short, long)]
    pub json: bool,
}

impl ListArgs {
    /// The arguments of a command line without any.
    const NONE: Self = Self {
        status: None,
        newest: false,
        oldest: false,
        after: 0,
        before: None,
        limit: PAGE as u32,
        json: false,
    };
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobAction {
    /// List jobs by id; the same as without a subcommand
    List(ListArgs),
    /// Show a job
    Show {
        /// The job's id
        #[arg(value_parser = job_id())]
        id: u32,
        /// Print the JSON of the API
        #[arg(short, long)]
        json: bool,
    },
    /// Make jobs idle again, without lease and with no attempts used: all of them or none
    #[command(group = ArgGroup::new("which").required(true).args(["ids", "status", "blocks"]))]
    Requeue {
        /// The ids of the jobs
        #[arg(value_name = "ID", value_parser = job_id())]
        ids: Vec<u32>,
        /// All failed jobs
        #[arg(short, long, value_enum)]
        status: Option<RequeuedStatus>,
        /// All jobs of a block, or of a range such as 3-7, that are not done
        #[arg(long, value_name = "A-B")]
        blocks: Option<BlockRange>,
    },
    /// Pause all claims: provers get no job, and everything else continues
    Pause,
    /// End the pause of all claims
    Resume,
    /// Remove a job that is not done; `blocks retry` creates the job of a block again
    Drop {
        /// The job's id
        #[arg(value_parser = job_id())]
        id: u32,
    },
    /// Print each job that changes, every second, until interrupted; needs a running server
    Watch {
        /// Print each changed job as a line of JSON, as in the API
        #[arg(short, long)]
        json: bool,
    },
}

/// The status of jobs that can be requeued by it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RequeuedStatus {
    /// They used up their attempts
    Failed,
}

impl ValueEnum for JobStatus {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Idle, Self::InProgress, Self::Done, Self::Failed]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Idle => PossibleValue::new("idle").help("Waits for a prover"),
            Self::InProgress => {
                PossibleValue::new("in-progress").alias("in_progress").help("A prover holds it")
            }
            Self::Done => PossibleValue::new("done").help("Its proof is stored"),
            Self::Failed => PossibleValue::new("failed").help("It used up its attempts"),
        })
    }
}

/// The protocol has positive ids of 31 bits.
fn job_id() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(i32::MAX))
}

/// Lists, shows, changes or watches jobs.
///
/// # Errors
/// Fails if the target cannot be read, and with [`CliError::NotFound`] if the job does not exist.
pub(crate) fn run(args: &JobsArgs, config: &Config) -> Result<(), CliError> {
    if args.action.is_some() && args.list != ListArgs::NONE {
        return Err(misplaced());
    }
    let read = || ViewSource::open(config);
    let change = || ViewSource::open_to_change(config);
    match &args.action {
        None => list(&args.list, &read()?),
        Some(JobAction::List(args)) => list(args, &read()?),
        Some(JobAction::Show { id, json }) => {
            let job = job(&read()?, *id)?;
            show_lines(&if *json { to_json(&job)? } else { lines(&job, now_ms()) })
        }
        Some(JobAction::Requeue { ids, status, blocks }) => requeue(&change()?, ids, *status, *blocks),
        Some(JobAction::Pause) => {
            change()?.change(paths::PAUSE, |store| store.queue().pause().map(drop))?;
            show("claims are paused; `jobs resume` ends the pause")
        }
        Some(JobAction::Resume) => {
            change()?.change(paths::RESUME, |store| store.queue().resume().map(drop))?;
            show("claims are resumed")
        }
        Some(JobAction::Drop { id }) => drop_job(&change()?, *id),
        Some(JobAction::Watch { json }) => match read()? {
            ViewSource::Server(server) => watch(&server, *json),
            ViewSource::Folder(_) => Err(CliError::Usage(
                "jobs of a stopped folder do not change; pass --url of a running server".to_owned(),
            )),
        },
    }
}

/// Prints a page of jobs.
fn list(args: &ListArgs, source: &ViewSource) -> Result<(), CliError> {
    let ListArgs { status, newest, oldest: _, after, before, limit, json } = *args;
    let (order, flag) = if newest { ("desc", "--before") } else { ("asc", "--after") };
    let mut route = format!("{}?order={order}&after={after}&limit={limit}", paths::JOBS);
    if let Some(before) = before {
        route.push_str(&format!("&before={before}"));
    }
    if let Some(status) = status {
        route.push_str(&format!("&status={}", status.name()));
    }
    let filter = JobFilter { status, after, before, newest_first: newest };
    let none = status.map_or_else(|| "no jobs".to_owned(), |status| format!("no {} jobs", status.name()));
    let report = |store: &_| report::jobs(store, &filter, limit as usize);
    let list = |JobPage { jobs, next }: &JobPage| page(&table(jobs, now_ms()), &none, flag, *next);
    source.print(&route, json, report, list)
}

/// Requeues jobs together, and prints their ids.
fn requeue(
    source: &ViewSource,
    ids: &[u32],
    status: Option<RequeuedStatus>,
    blocks: Option<BlockRange>,
) -> Result<(), CliError> {
    let request = RequeueRequest {
        ids: ids.iter().map(|id| wire_id(*id)).collect(),
        status: status.map(|RequeuedStatus::Failed| JobStatus::Failed),
        first_block: blocks.map(|blocks| blocks.first),
        last_block: blocks.map(|blocks| blocks.last),
    };
    let which = match blocks {
        Some(BlockRange { first, last }) => WhichJobs::Blocks { first, last },
        None if status.is_some() => WhichJobs::Failed,
        None => WhichJobs::Ids(ids.to_vec()),
    };
    let requeue = |store: &Store| {
        let requeued = store.queue().requeue_many(&which)?;
        Ok(RequeueOutcome { requeued: requeued.into_iter().map(wire_id).collect() })
    };
    let outcome = source.change_with(paths::REQUEUE_MANY, &request, requeue)?;
    let requeued: Vec<String> = outcome.requeued.iter().map(ToString::to_string).collect();
    match &requeued[..] {
        [] => show(match status {
            Some(RequeuedStatus::Failed) => "no job is requeued: none has failed",
            None => "no job is requeued: these blocks have no jobs, or all of them are done",
        }),
        [id] => show(&format!("job {id} is requeued")),
        ids => show(&format!("{} jobs are requeued: {}", ids.len(), ids.join(", "))),
    }
}

fn job(source: &ViewSource, id: u32) -> Result<JobView, CliError> {
    let job: Option<JobView> = source.read(&paths::job(id), |store| report::job(store, id))?;
    job.ok_or_else(|| CliError::NotFound(format!("job {id} does not exist")))
}

fn drop_job(source: &ViewSource, id: u32) -> Result<(), CliError> {
    if matches!(source, ViewSource::Folder(_)) {
        job(source, id)?;
    }
    source.change(&paths::drop(id), |store| store.queue().drop_job(id))?;
    show(&format!("job {id} is dropped"))
}

/// Returns a job with a line for each field of its JSON; times also as ages.
fn lines(job: &JobView, now_ms: u64) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(job) else { return String::new() };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    let is_time =
        |name: &str| name.ends_with("_at_ms") || matches!(name, "last_heartbeat_ms" | "leased_since_ms");
    let line = |(name, value): (&String, &Value)| match value.as_u64().filter(|_| is_time(name)) {
        Some(at_ms) => format!("{name:width$}  {at_ms}  ({} ago)\n", age(Some(at_ms), now_ms)),
        None => format!("{name:width$}  {}\n", json_text(value)),
    };
    fields.iter().map(line).collect()
}
