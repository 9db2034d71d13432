//! `jobs`: the queue for operators.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::source::{Source, now_ms};
use super::table::{Table, age, entries, range, span_of, text};
use super::{CliError, TargetArgs, show};
use crate::{
    api::{paths, views::PAGE},
    config::Config,
    domain::job::JobStatus,
    report,
    store::{Store, StoreError},
};

/// Time between two looks of `jobs watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `jobs`.
#[derive(Debug, Args)]
pub struct JobsArgs {
    /// What to look at
    #[command(flatten)]
    pub target: TargetArgs,
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List jobs by id
    List {
        /// Only those of this status
        #[arg(long, value_enum)]
        status: Option<StatusArg>,
        /// Only those with a larger id
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: u32,
        /// At most so many
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
    /// Give a job another chance: its lease and its attempts are forgotten
    Requeue {
        /// The job's id
        #[arg(value_parser = job_id())]
        id: u32,
    },
    /// Remove a job that is not done; the server makes it anew only if it was the one of the last block
    Drop {
        /// The job's id
        #[arg(value_parser = job_id())]
        id: u32,
    },
    /// Print what changed of the jobs, every second, until interrupted; needs a running server
    Watch {
        /// Print each changed job as a JSON line, as the API shows it
        #[arg(long)]
        json: bool,
    },
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusArg {
    /// Waits for a prover
    Idle,
    /// A prover has it
    #[value(alias = "in_progress")]
    InProgress,
    /// Its proof is stored
    Done,
    /// Parked after too many attempts
    Failed,
}

impl From<StatusArg> for JobStatus {
    fn from(status: StatusArg) -> Self {
        match status {
            StatusArg::Idle => Self::Idle,
            StatusArg::InProgress => Self::InProgress,
            StatusArg::Done => Self::Done,
            StatusArg::Failed => Self::Failed,
        }
    }
}

/// Ids are positive numbers of the protocol.
fn job_id() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(i32::MAX))
}

/// Does what is asked for.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &JobsArgs, config: &Config) -> Result<(), CliError> {
    let source = Source::open(&args.target, config)?;
    match &args.action {
        Action::List { status, after, limit, json } => {
            let status = status.map(JobStatus::from);
            let filter = status.map(|status| format!("&status={}", status.name())).unwrap_or_default();
            let route = format!("{}?after={after}&limit={limit}{filter}", paths::JOBS);
            let page = source.read(&route, |store| report::jobs(store, status, *after, *limit as usize))?;
            if *json { show(&page.to_string()) } else { show(&list(&page, now_ms())) }
        }
        Action::Show { id, json } => {
            let job = job(&source, *id)?;
            if *json { show(&job.to_string()) } else { show(&one(&job, now_ms())) }
        }
        Action::Requeue { id } => {
            change(&source, *id, "requeue", |store| store.queue().requeue(*id))?;
            show(&format!("job {id} is requeued"))
        }
        Action::Drop { id } => {
            change(&source, *id, "drop", |store| store.queue().drop_job(*id))?;
            show(&format!("job {id} is dropped"))
        }
        Action::Watch { json } => match source {
            Source::Server(..) => watch(&source, *json),
            Source::Folder(_) => Err(CliError::Usage(
                "jobs of a stopped folder do not change; pass --url of a running server".to_owned(),
            )),
        },
    }
}

fn job(source: &Source, id: u32) -> Result<Value, CliError> {
    match source.read(&paths::job(id), |store| report::job(store, id))? {
        Value::Null => Err(CliError::NotFound(format!("there is no job {id}"))),
        job => Ok(job),
    }
}

fn change(
    source: &Source,
    id: u32,
    what: &str,
    change: impl FnOnce(&Store) -> Result<(), StoreError>,
) -> Result<(), CliError> {
    if matches!(source, Source::Folder(_)) {
        job(source, id)?;
    }
    source.change(&format!("{}/{what}", paths::job(id)), change)
}

/// A page of jobs as a table.
fn list(page: &Value, now_ms: u64) -> String {
    let mut out = table(entries(page, "jobs"), now_ms).show("no jobs");
    if let Some(next) = page.get("next").filter(|next| !next.is_null()) {
        out.push_str(&format!("more: --after {next}\n"));
    }
    out
}

/// Jobs as a table.
pub fn table(jobs: &[Value], now_ms: u64) -> Table {
    let heads = ["id", "type", "blocks", "status", "attempt", "holder", "heartbeat", "age", "eta"];
    let mut table = Table::new(&heads);
    for job in jobs {
        table.row(vec![
            text(&job["id"]),
            kind(&job["type"]),
            range(&job["first_block"], &job["last_block"]),
            text(&job["status"]),
            text(&job["attempts"]),
            text(&job["holder"]),
            age(&job["last_heartbeat_ms"], now_ms),
            age(&job["created_at_ms"], now_ms),
            span_of(&job["eta_ms"]),
        ]);
    }
    table
}

fn kind(name: &Value) -> String {
    text(name).trim_end_matches("_PROOF").to_lowercase()
}

/// A job, one line a field.
fn one(job: &Value, now_ms: u64) -> String {
    let Value::Object(fields) = job else { return job.to_string() };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| match name.strip_suffix("_at_ms").is_some()
        || matches!(name.as_str(), "last_heartbeat_ms" | "leased_since_ms")
    {
        true if !value.is_null() => format!("{name:width$}  {value}  ({} ago)\n", age(value, now_ms)),
        _ => format!("{name:width$}  {}\n", text(value)),
    };
    fields.iter().map(line).collect()
}

/// What is shown of a job's standing.
type Standing = (String, String, String);

/// Looks once a second and prints what changed. Ends when nobody reads it any more.
fn watch(source: &Source, json: bool) -> Result<(), CliError> {
    let mut known: BTreeMap<i64, Standing> = BTreeMap::new();
    let mut first = true;
    loop {
        let mut lines = String::new();
        let open = open_jobs(source)?;
        let gone: Vec<i64> = known.keys().filter(|id| !open.contains_key(id)).copied().collect();
        let ended = gone.into_iter().map(|id| {
            let found = source.read(&paths::job(id), |_| Ok(Value::Null));
            (
                id,
                match found {
                    Err(error) if error.exit_code() == 3 => Ok(Value::Null),
                    found => found,
                },
            )
        });
        for (id, job) in ended.collect::<Vec<_>>() {
            let job = job?;
            known.remove(&id);
            // Between the listings it went from one to the other: it is open, and told as such.
            if !matches!(job["status"].as_str(), None | Some("done")) {
                continue;
            }
            lines.push_str(&match (json, &job) {
                (true, Value::Null) => format!("{{\"id\":{id},\"status\":\"gone\"}}\n"),
                (true, job) => format!("{job}\n"),
                (false, Value::Null) => {
                    format!("job {id} is gone: dropped, reverted, or cleared away with a verified block\n")
                }
                (false, job) => changed(job),
            });
        }
        for (id, job) in &open {
            let standing = (text(&job["status"]), text(&job["holder"]), text(&job["attempts"]));
            if known.insert(*id, standing.clone()).as_ref() != Some(&standing) {
                lines.push_str(&if json { format!("{job}\n") } else { changed(job) });
            }
        }
        if first && lines.is_empty() && !json {
            lines.push_str("no open jobs yet\n");
        }
        first = false;
        let mut out = io::stdout().lock();
        // A reader that is gone has had enough.
        if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        drop(out);
        std::thread::sleep(WATCH_INTERVAL);
    }
}

/// All jobs that are not done, by id.
fn open_jobs(source: &Source) -> Result<BTreeMap<i64, Value>, CliError> {
    let mut open = BTreeMap::new();
    for status in [JobStatus::Idle, JobStatus::InProgress, JobStatus::Failed] {
        let mut after = 0;
        loop {
            let route = format!("{}?status={}&after={after}&limit=1000", paths::JOBS, status.name());
            let page = source.read(&route, |store| report::jobs(store, Some(status), after, 1000))?;
            let jobs = entries(&page, "jobs");
            open.extend(jobs.iter().filter_map(|job| Some((job["id"].as_i64()?, job.clone()))));
            match page["next"].as_u64().and_then(|next| u32::try_from(next).ok()) {
                Some(next) if next > after => after = next,
                _ => break,
            }
        }
    }
    Ok(open)
}

/// A line about a job that changed.
fn changed(job: &Value) -> String {
    let holder = match &job["holder"] {
        Value::Null => String::new(),
        holder => format!(", {}, attempt {}", text(holder), text(&job["attempts"])),
    };
    format!(
        "job {} ({} {}) is {}{holder}\n",
        text(&job["id"]),
        kind(&job["type"]),
        range(&job["first_block"], &job["last_block"]),
        text(&job["status"])
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_a_table_with_ages_and_says_how_to_go_on() {
        let page = json!({"jobs": [
            {"id": 5, "type": "SINGLE_PROOF", "status": "in_progress", "first_block": 5, "last_block": 5, "attempts": 2,
             "holder": "p1", "created_at_ms": 0, "last_heartbeat_ms": 99_000, "eta_ms": 61_000},
            {"id": 16, "type": "AGGREGATED_PROOF", "status": "idle", "first_block": 1, "last_block": 4, "attempts": 0,
             "holder": null, "created_at_ms": 60_000, "last_heartbeat_ms": null, "eta_ms": null},
        ], "next": 16});
        let expected = "id  type        blocks  status       attempt  holder  heartbeat    age   eta\n \
                        5  single           5  in_progress        2  p1            1 s  100 s  61 s\n\
                        16  aggregated     1-4  idle               0  -               -   40 s     -\n\
                        more: --after 16\n";
        assert_eq!(list(&page, 100_000), expected);
        assert_eq!(list(&json!({"jobs": [], "next": null}), 0), "no jobs\n");
    }

    #[test]
    fn a_change_is_a_line() {
        let job = json!({"id": 5, "type": "SINGLE_PROOF", "status": "in_progress", "first_block": 5, "last_block": 5,
            "attempts": 2, "holder": "p1"});
        assert_eq!(changed(&job), "job 5 (single 5) is in_progress, p1, attempt 2\n");
    }
}
