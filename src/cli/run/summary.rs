//! The outcome of a run as JSON. Times are milliseconds since the start of the run; null if a
//! milestone was not reached.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::outcome::RunOutcome;
use crate::cli::in_process::Milestone;

/// Returns the summary of a run.
pub(crate) fn summary(outcome: &RunOutcome) -> Value {
    let stages = outcome.until.up_to().map(|milestone| {
        let times = || outcome.blocks.iter().filter_map(|(_, times)| times[milestone as usize]);
        let reached = times().count();
        let all = times().max().filter(|_| reached == outcome.blocks.len());
        json!({
            "stage": milestone.name(),
            "blocks": reached,
            "first_after_ms": times().min().map(milliseconds),
            "all_after_ms": all.map(milliseconds),
        })
    });
    let blocks = outcome.blocks.iter().map(|(block, times)| {
        let mut row = Map::new();
        row.insert("block".to_owned(), json!(block));
        for milestone in outcome.until.up_to() {
            let after = times[milestone as usize].map(milliseconds);
            row.insert(format!("{}_after_ms", milestone.name()), json!(after));
        }
        Value::Object(row)
    });
    let at = outcome.failure.as_ref().and_then(|failure| failure.at);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "until": outcome.until.name(),
        "block": outcome.last(),
        "reached": outcome.failure.is_none(),
        "reason": outcome.failure.as_ref().map(|failure| &failure.reason),
        "failed_block": at.map(|(block, _)| block),
        "failed_stage": at.map(|(_, milestone): (u32, Milestone)| milestone.name()),
        "elapsed_ms": milliseconds(outcome.elapsed),
        "stages": stages.collect::<Vec<_>>(),
        "blocks": blocks.collect::<Vec<_>>(),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
