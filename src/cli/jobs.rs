//! `jobs`: lists the jobs of the queue, shows or drops one, requeues some, pauses all claims, or
//! watches them all.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, ValueEnum, builder::PossibleValue};
use serde_json::Value;

use super::error::CliError;
use super::export_node::BlockRange;
use super::flags;
use super::output::{show, show_lines};
use super::text_table::{TextTable, age, json_text, page, range, span, text};
use super::view_source::{ServerSource, ViewSource, now_ms, to_json};
use crate::{
    api::{
        paths,
        views::{JobPage, JobView, MAX_PAGE, PAGE, RequeueOutcome, RequeueRequest, wire_id},
    },
    config::Config,
    domain::job::{JobStatus, JobType},
    printable, report,
    store::{Store, StoreError, WhichJobs},
};

/// Time between two requests of `jobs watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `jobs`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct JobsArgs {
    /// What to do
    #[command(subcommand)]
    pub action: JobAction,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobAction {
    /// List jobs by id
    List {
        /// Only jobs with this status
        #[arg(long, value_enum)]
        status: Option<JobStatus>,
        /// Only jobs with a larger id
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: u32,
        /// Maximum number of jobs
        #[arg(long, value_name = "N", default_value_t = PAGE as u32, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Print the JSON of the API
        #[arg(long)]
        json: bool,
    },
    /// Show a job
    Show {
        /// The job's id
        #[arg(value_parser = job_id())]
        id: u32,
        /// Print the JSON of the API
        #[arg(long)]
        json: bool,
    },
    /// Make jobs idle again, without lease and with no attempts used: all of them or none
    #[command(group = ArgGroup::new("which").required(true).args(["ids", "status", "blocks"]))]
    Requeue {
        /// The ids of the jobs
        #[arg(value_name = "ID", value_parser = job_id())]
        ids: Vec<u32>,
        /// All failed jobs
        #[arg(long, value_enum)]
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
        #[arg(long)]
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
    let source = match &args.action {
        JobAction::Requeue { .. } | JobAction::Drop { .. } | JobAction::Pause | JobAction::Resume => {
            ViewSource::open_to_change(config)?
        }
        JobAction::List { .. } | JobAction::Show { .. } | JobAction::Watch { .. } => {
            ViewSource::open(config)?
        }
    };
    let now = now_ms();
    match &args.action {
        JobAction::List { status, after, limit, json } => {
            let filter = status.map(|status| format!("&status={}", status.name())).unwrap_or_default();
            let route = format!("{}?after={after}&limit={limit}{filter}", paths::JOBS);
            let report = |store: &_| report::jobs(store, *status, *after, *limit as usize);
            let none =
                status.map_or_else(|| "no jobs".to_owned(), |status| format!("no {} jobs", status.name()));
            source.print(&route, *json, report, |page| list(page, &none, now))
        }
        JobAction::Show { id, json } => {
            let job = job(&source, *id)?;
            show_lines(&if *json { to_json(&job)? } else { lines(&job, now) })
        }
        JobAction::Requeue { ids, status, blocks } => requeue(&source, ids, *status, *blocks),
        JobAction::Pause => {
            source.change(paths::PAUSE, |store| store.queue().pause().map(drop))?;
            show("claims are paused; `jobs resume` ends the pause")
        }
        JobAction::Resume => {
            source.change(paths::RESUME, |store| store.queue().resume().map(drop))?;
            show("claims are not paused")
        }
        JobAction::Drop { id } => {
            change(&source, *id, &paths::drop(id), |store| store.queue().drop_job(*id))?;
            show(&format!("job {id} is dropped"))
        }
        JobAction::Watch { json } => match &source {
            ViewSource::Server(server) => watch(server, *json),
            ViewSource::Folder(_) => Err(CliError::Usage(
                "jobs of a stopped folder do not change; pass --url of a running server".to_owned(),
            )),
        },
    }
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
        [] => show("no job is requeued"),
        [id] => show(&format!("job {id} is requeued")),
        ids => show(&format!("{} jobs are requeued: {}", ids.len(), ids.join(", "))),
    }
}

fn job(source: &ViewSource, id: u32) -> Result<JobView, CliError> {
    let job: Option<JobView> = source.read(&paths::job(id), |store| report::job(store, id))?;
    job.ok_or_else(|| CliError::NotFound(format!("job {id} does not exist")))
}

fn change(
    source: &ViewSource,
    id: u32,
    route: &str,
    change: impl FnOnce(&Store) -> Result<(), StoreError>,
) -> Result<(), CliError> {
    if matches!(source, ViewSource::Folder(_)) {
        job(source, id)?;
    }
    source.change(route, change)
}

/// Returns a page of jobs as a table.
fn list(JobPage { jobs, next }: &JobPage, none: &str, now_ms: u64) -> String {
    page(&table(jobs, now_ms), none, "--after", *next)
}

/// Returns jobs as a table.
pub(crate) fn table(jobs: &[JobView], now_ms: u64) -> TextTable {
    let heads = ["id", "type", "blocks", "status", "attempt", "holder", "heartbeat", "age", "eta"];
    let mut table = TextTable::new(&heads);
    for job in jobs {
        table.row(vec![
            job.id.to_string(),
            type_name(job.r#type).to_owned(),
            range(job.first_block, job.last_block),
            job.status.name().to_owned(),
            job.attempts.to_string(),
            text(job.holder.as_ref()),
            age(job.last_heartbeat_ms, now_ms),
            age(Some(job.created_at_ms), now_ms),
            text(job.eta_ms.map(span)),
        ]);
    }
    table
}

fn type_name(job_type: JobType) -> &'static str {
    match job_type {
        JobType::Single => "single",
        JobType::Aggregated => "aggregated",
    }
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

/// Prints once a second which jobs changed, until the output is closed.
fn watch(server: &ServerSource, json: bool) -> Result<(), CliError> {
    let mut known: BTreeMap<i32, JobView> = BTreeMap::new();
    let mut first = true;
    loop {
        let mut lines = String::new();
        let open = open_jobs(server)?;
        let closed: Vec<i32> = known.keys().filter(|id| !open.contains_key(id)).copied().collect();
        for id in closed {
            known.remove(&id);
            match closed_job(server, id)? {
                // It changed its status between the listings; the next round prints it.
                Some(job) if job.status != JobStatus::Done => {}
                Some(job) if json => lines.push_str(&format!("{}\n", to_json(&job)?)),
                Some(job) => lines.push_str(&changed(&job)),
                None if json => lines.push_str(&format!("{{\"id\":{id},\"status\":\"gone\"}}\n")),
                None => lines.push_str(&format!(
                    "job {id} is gone: dropped, reverted, or removed after its block was verified\n"
                )),
            }
        }
        for (id, job) in open {
            if known.get(&id).is_none_or(|before| shown(before) != shown(&job)) {
                lines.push_str(&if json { format!("{}\n", to_json(&job)?) } else { changed(&job) });
                known.insert(id, job);
            }
        }
        if first && lines.is_empty() && !json {
            lines.push_str("no open jobs yet\n");
        }
        first = false;
        let mut out = io::stdout().lock();
        // A closed output ends the command without an error.
        if out.write_all(printable::lines(&lines).as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        drop(out);
        std::thread::sleep(WATCH_INTERVAL);
    }
}

/// Returns the fields whose change is printed.
fn shown(job: &JobView) -> (JobStatus, Option<&str>, u32) {
    (job.status, job.holder.as_deref(), job.attempts)
}

/// Returns all jobs that are not done, by id.
fn open_jobs(server: &ServerSource) -> Result<BTreeMap<i32, JobView>, CliError> {
    let mut open = BTreeMap::new();
    for status in [JobStatus::Idle, JobStatus::InProgress, JobStatus::Failed] {
        let mut after = Some(0);
        while let Some(start) = after {
            let route = format!("{}?status={}&after={start}&limit={MAX_PAGE}", paths::JOBS, status.name());
            let JobPage { jobs, next } = server.read(&route)?;
            open.extend(jobs.into_iter().map(|job| (job.id, job)));
            after = next.filter(|next| *next > start);
        }
    }
    Ok(open)
}

/// Returns a job that is no longer open, if it still exists.
fn closed_job(server: &ServerSource, id: i32) -> Result<Option<JobView>, CliError> {
    match server.read(&paths::job(id)) {
        Err(error) if error.is_not_found() => Ok(None),
        job => job,
    }
}

/// Returns a line about a job that changed.
fn changed(job: &JobView) -> String {
    let holder = match &job.holder {
        None => String::new(),
        holder => format!(", {}, attempt {}", text(holder.as_ref()), job.attempts),
    };
    let (kind, blocks) = (type_name(job.r#type), range(job.first_block, job.last_block));
    format!("job {} ({kind} {blocks}) is {}{holder}\n", job.id, job.status.name())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(fields: Value) -> JobView {
        let mut job = json!({"id": 5, "type": "SINGLE_PROOF", "status": "in_progress", "priority": 1, "first_block": 5,
            "last_block": 5, "attempts": 2, "holder": "p1", "created_at_ms": 0, "updated_at_ms": 0});
        job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_page_is_a_table_with_ages_and_the_flag_of_the_next_page() {
        let held = job(json!({"last_heartbeat_ms": 99_000, "eta_ms": 61_000}));
        let idle = job(
            json!({"id": 16, "type": "AGGREGATED_PROOF", "status": "idle", "first_block": 1, "last_block": 4,
            "attempts": 0, "holder": null, "created_at_ms": 60_000}),
        );
        let page = JobPage { jobs: vec![held, idle], next: Some(16) };
        let expected = "id  type        blocks  status       attempt  holder  heartbeat    age   eta\n \
                        5  single           5  in_progress        2  p1            1 s  100 s  61 s\n\
                        16  aggregated     1-4  idle               0  -               -   40 s     -\n\
                        more: --after 16\n";
        assert_eq!(list(&page, "no jobs", 100_000), expected);
        assert_eq!(list(&JobPage { jobs: Vec::new(), next: None }, "no failed jobs", 0), "no failed jobs\n");
    }

    #[test]
    fn a_change_is_a_line() {
        assert_eq!(changed(&job(json!({}))), "job 5 (single 5) is in_progress, p1, attempt 2\n");
    }
}
