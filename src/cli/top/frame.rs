//! What `top` shows, as lines: made of the answers of the API, and of nothing else.

use serde_json::Value;

use crate::cli::jobs;
use crate::cli::provers;
use crate::cli::table::{entries, span, text};

/// Rates are those of the last so many milliseconds.
const RATE_WINDOW_MS: u64 = 5 * 60 * 1000;
/// Stages with a bar, by their names in the history.
const STAGES: [&str; 5] = ["imported", "witnessed", "proven", "aggregated", "verified"];
/// Width of a bar.
const BAR: usize = 30;

/// The answers of one look.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The base URL of the server.
    pub url: String,
    /// When it was looked.
    pub now_ms: u64,
    /// The status.
    pub status: Value,
    /// Jobs in progress.
    pub working: Value,
    /// Parked jobs.
    pub failed: Value,
    /// Provers.
    pub provers: Value,
    /// The last hour.
    pub history: Value,
    /// Why these answers are old, if they are.
    pub complaint: Option<String>,
}

impl Frame {
    /// The server did not answer this time; what is shown is what it said before.
    pub fn complain(&mut self, complaint: String) {
        self.complaint = Some(complaint);
    }

    /// The lines, none longer and not more than that.
    pub fn lines(&self, width: usize, height: usize) -> Vec<String> {
        let mut lines = vec![self.title()];
        if let Some(complaint) = &self.complaint {
            lines.push(text(&Value::from(complaint.as_str())));
        }
        lines.push(String::new());
        lines.extend(self.stages());
        lines.push(String::new());
        lines.push(self.queue());
        lines.extend(self.quarantined());
        for (title, table) in [
            ("in progress", jobs::table(entries(&self.working, "jobs"), self.now_ms).show("no job is held")),
            ("failed", jobs::table(entries(&self.failed, "jobs"), self.now_ms).show("")),
            (
                "provers",
                provers::table(entries(&self.provers, "provers"), self.now_ms).show("no provers seen"),
            ),
        ] {
            if table.trim().is_empty() {
                continue;
            }
            lines.push(String::new());
            lines.push(format!("-- {title}"));
            lines.extend(table.lines().map(str::to_owned));
        }
        if lines.len() > height {
            lines.truncate(height.saturating_sub(1));
            lines.push("…".to_owned());
        }
        lines.into_iter().map(|line| line.chars().take(width).collect()).collect()
    }

    fn title(&self) -> String {
        let version = text(&self.status["version"]);
        let space = &self.status["space"];
        let free = space["free_bytes"].as_u64().map_or_else(|| "-".to_owned(), bytes);
        let low = if space["low"] == true { ", LOW" } else { "" };
        format!("witness-server {version} at {}  disk free {free}{low}", self.url)
    }

    /// The last point of the history.
    fn last(&self) -> Option<&Value> {
        entries(&self.history, "points").last()
    }

    /// The head of a stage: the history has them all, the status is newer.
    fn head_of(&self, stage: &str) -> u64 {
        let blocks = &self.status["blocks"];
        let in_status = match stage {
            "imported" => &blocks["head"],
            stage => &blocks[stage],
        };
        let in_history = self.last().and_then(|point| point[stage].as_u64());
        in_status.as_u64().or(in_history).unwrap_or(0)
    }

    fn stages(&self) -> Vec<String> {
        let imported = self.head_of("imported");
        let row = |stage: &&str| {
            let head = self.head_of(stage);
            let filled =
                usize::try_from((head * BAR as u64).checked_div(imported).unwrap_or(0)).unwrap_or(BAR);
            let bar = format!("{}{}", "#".repeat(filled.min(BAR)), ".".repeat(BAR - filled.min(BAR)));
            let rate = self.rate(stage).map(|rate| format!("{rate:>8.1}/min")).unwrap_or_default();
            format!("{stage:<12} {head:>9}  [{bar}] {rate}").trim_end().to_owned()
        };
        STAGES.iter().map(row).collect()
    }

    /// Blocks a minute, over the last minutes.
    fn rate(&self, stage: &str) -> Option<f64> {
        let last = self.last()?;
        let (at, head) = (last["at_ms"].as_u64()?, last[stage].as_u64()?);
        let recent = |point: &&Value| {
            point["at_ms"].as_u64().is_some_and(|then| at.saturating_sub(then) <= RATE_WINDOW_MS)
        };
        let first = entries(&self.history, "points").iter().find(recent)?;
        let time = at.saturating_sub(first["at_ms"].as_u64()?);
        let blocks = head.saturating_sub(first[stage].as_u64()?);
        (time > 0).then(|| blocks as f64 * 60_000.0 / time as f64)
    }

    fn queue(&self) -> String {
        let jobs = &self.status["jobs"];
        let count = |status: &str| text(&jobs[status]);
        let idle = count("idle");
        let behind = self.head_of("witnessed").saturating_sub(self.head_of("proven"));
        let left = self
            .rate("proven")
            .filter(|rate| *rate > 0.0)
            .filter(|_| behind > 0)
            .map(|rate| format!("  all proven in {}", span((behind as f64 * 60_000.0 / rate) as u64)));
        format!(
            "jobs  idle {idle}  in progress {}  failed {}  done {}{}",
            count("in_progress"),
            count("failed"),
            count("done"),
            left.unwrap_or_default()
        )
    }

    fn quarantined(&self) -> Vec<String> {
        let line = |block: &Value| {
            format!("block {} is quarantined: {}", text(&block["block"]), text(&block["reason"]))
        };
        entries(&self.status["blocks"], "quarantined").iter().take(3).map(line).collect()
    }
}

fn bytes(count: u64) -> String {
    format!("{:.1} GB", count as f64 / 1e9)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame() -> Frame {
        let point = |at_ms: u64, proven: u32| json!({"at_ms": at_ms, "imported": 40, "witnessed": 30, "proven": proven, "aggregated": 4, "verified": 4});
        Frame {
            url: "http://u".to_owned(),
            now_ms: 1_060_000,
            status: json!({
                "version": "1", "space": {"free_bytes": 5_000_000_000_u64, "low": true},
                "blocks": {"head": 40, "witnessed": 30, "verified": 4, "quarantined": [{"block": 31, "reason": "the root differs"}]},
                "jobs": {"idle": 5, "in_progress": 1, "failed": 0, "done": 20},
            }),
            working: json!({"jobs": [{"id": 21, "type": "SINGLE_PROOF", "status": "in_progress", "first_block": 21,
                "last_block": 21, "attempts": 2, "holder": "p1", "created_at_ms": 1_000_000, "last_heartbeat_ms": 1_059_000,
                "eta_ms": 30_000}]}),
            failed: json!({"jobs": []}),
            provers: json!({"provers": [{"name": "p1", "last_seen_ms": 1_059_000, "jobs": [21], "proofs": 20, "rejected": 0}]}),
            history: json!({"interval_ms": 5000, "points": [point(0, 0), point(1_000_000, 10), point(1_060_000, 20)]}),
            complaint: None,
        }
    }

    #[test]
    fn a_frame_shows_stages_rates_jobs_and_provers() {
        let expected = "\
witness-server 1 at http://u  disk free 5.0 GB, LOW

imported            40  [##############################]      0.0/min
witnessed           30  [######################........]      0.0/min
proven              20  [###############...............]     10.0/min
aggregated           4  [###...........................]      0.0/min
verified             4  [###...........................]      0.0/min

jobs  idle 5  in progress 1  failed 0  done 20  all proven in 60 s
block 31 is quarantined: the root differs

-- in progress
id  type    blocks  status       attempt  holder  heartbeat   age   eta
21  single      21  in_progress        2  p1            1 s  60 s  30 s

-- provers
prover  last seen  jobs  proofs  rejected
p1            1 s    21      20         0";
        assert_eq!(frame().lines(usize::MAX, usize::MAX).join("\n"), expected);
    }

    #[test]
    fn a_small_terminal_gets_what_fits_and_a_server_that_is_gone_is_said() {
        let mut frame = frame();
        frame.complain("cannot reach the server".to_owned());
        let lines = frame.lines(20, 5);
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.chars().count() <= 20));
        assert_eq!(lines[1], "cannot reach the ser");
        assert_eq!(lines[4], "…");
    }

    #[test]
    fn answers_of_another_shape_are_dashes() {
        let lines = Frame::default().lines(80, 24);
        assert!(lines.iter().any(|line| line.contains("idle -")), "{lines:?}");
    }
}
