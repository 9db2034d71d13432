//! Jobs as a table.

use super::colour::Tone;
use super::text_table::{TextTable, age, range, span, text};
use crate::{
    api::views::JobView,
    domain::job::{JobStatus, JobType},
};

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
        table.tone("status", tone(job.status));
    }
    table
}

/// Returns the tone of a status.
fn tone(status: JobStatus) -> Tone {
    match status {
        JobStatus::Idle | JobStatus::InProgress => Tone::Plain,
        JobStatus::Failed => Tone::Trouble,
        JobStatus::Done => Tone::Done,
    }
}

/// Returns the type of a job, in words.
pub(crate) fn type_name(job_type: JobType) -> &'static str {
    match job_type {
        JobType::Single => "single",
        JobType::Aggregated => "aggregated",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::text_table::page;

    fn job(fields: &Value) -> JobView {
        let mut job = json!({"id": 5, "type": "SINGLE_PROOF", "status": "in_progress", "priority": 1, "first_block": 5,
            "last_block": 5, "attempts": 2, "holder": "p1", "created_at_ms": 0, "updated_at_ms": 0});
        job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_page_is_a_table_with_ages_and_the_flag_of_the_next_page() {
        let held = job(&json!({"last_heartbeat_ms": 99_000, "eta_ms": 61_000}));
        let idle = job(
            &json!({"id": 16, "type": "AGGREGATED_PROOF", "status": "idle", "first_block": 1, "last_block": 4,
            "attempts": 0, "holder": null, "created_at_ms": 60_000}),
        );
        let expected = "id  type        blocks  status       attempt  holder  heartbeat    age   eta\n \
                        5  single           5  in_progress        2  p1            1 s  100 s  61 s\n\
                        16  aggregated     1-4  idle               0  -               -   40 s     -\n\
                        more: --after 16\n";
        let shown = |jobs: &[JobView], next: Option<u32>| {
            page(&table(jobs, 100_000), "no jobs", "--after", next).written(false)
        };
        assert_eq!(shown(&[held, idle], Some(16)), expected);
        assert_eq!(shown(&[], None), "no jobs\n");
    }
}
