//! `jobs watch`: prints each job that changes.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use super::error::CliError;
use super::job_table::type_name;
use super::text_table::{range, text};
use super::view_source::{ServerSource, to_json};
use crate::{
    api::{
        paths,
        views::{JobPage, JobView, MAX_PAGE},
    },
    domain::job::JobStatus,
    printable,
};

/// Time between two requests.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Prints once a second which jobs changed, until the output is closed.
pub(crate) fn watch(server: &ServerSource, json: bool) -> Result<(), CliError> {
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

    #[test]
    fn a_change_is_a_line() {
        let job = json!({"id": 5, "type": "SINGLE_PROOF", "status": "in_progress", "priority": 1, "first_block": 5,
            "last_block": 5, "attempts": 2, "holder": "p1", "created_at_ms": 0, "updated_at_ms": 0});
        let job = serde_json::from_value(job).unwrap();
        assert_eq!(changed(&job), "job 5 (single 5) is in_progress, p1, attempt 2\n");
    }
}
