//! The outcome as JSON. Times are milliseconds since the start of the run; what was not reached is null.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::outcome::Outcome;
use crate::cli::in_process::Stage;

/// See the module.
pub fn of(outcome: &Outcome) -> Value {
    let stages = outcome.until.up_to().map(|stage| {
        let times = || outcome.blocks.iter().filter_map(|(_, times)| times[stage as usize]);
        let reached = times().count();
        let all = times().max().filter(|_| reached == outcome.blocks.len());
        json!({
            "stage": stage.name(),
            "blocks": reached,
            "first_after_ms": times().min().map(milliseconds),
            "all_after_ms": all.map(milliseconds),
        })
    });
    let blocks = outcome.blocks.iter().map(|(block, times)| {
        let mut row = Map::new();
        row.insert("block".to_owned(), json!(block));
        for stage in outcome.until.up_to() {
            let after = times[stage as usize].map(milliseconds);
            row.insert(format!("{}_after_ms", stage.name()), json!(after));
        }
        Value::Object(row)
    });
    let at = outcome.shortfall.as_ref().and_then(|shortfall| shortfall.at);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "until": outcome.until.name(),
        "block": outcome.last(),
        "reached": outcome.shortfall.is_none(),
        "reason": outcome.shortfall.as_ref().map(|shortfall| &shortfall.reason),
        "failed_block": at.map(|(block, _)| block),
        "failed_stage": at.map(|(_, stage): (u32, Stage)| stage.name()),
        "elapsed_ms": milliseconds(outcome.elapsed),
        "stages": stages.collect::<Vec<_>>(),
        "blocks": blocks.collect::<Vec<_>>(),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
