//! The lines that `top` shows, made from the answers of the API.

use crate::api::views::{HistoryPoint, HistoryView, JobView, ProverView, Status};
use crate::cli::in_process::Milestone;
use crate::cli::job_table;
use crate::cli::provers;
use crate::cli::text_table::{span, text};
use crate::printable;

/// Time over which rates are computed, in milliseconds.
const RATE_WINDOW_MS: u64 = 5 * 60 * 1000;
/// Width of a bar.
const BAR: usize = 30;
/// Maximum number of quarantined blocks that are shown.
const QUARANTINED: usize = 3;

/// One round of answers of a server.
#[derive(Debug, Clone)]
pub(crate) struct ScreenFrame {
    /// The base URL of the server.
    pub url: String,
    /// The time of the round.
    pub now_ms: u64,
    /// The status.
    pub status: Status,
    /// Jobs in progress.
    pub working: Vec<JobView>,
    /// Failed jobs.
    pub failed: Vec<JobView>,
    /// Provers.
    pub provers: Vec<ProverView>,
    /// The last hour.
    pub history: HistoryView,
    /// The reason why a newer round failed, if it did.
    pub complaint: Option<String>,
}

impl ScreenFrame {
    /// Returns at most `height` lines of at most `width` characters.
    pub(crate) fn lines(&self, width: usize, height: usize) -> Vec<String> {
        let mut lines = vec![self.title()];
        if self.complaint.is_some() {
            lines.push(text(self.complaint.as_ref()));
        }
        lines.push(String::new());
        lines.extend(Milestone::ALL.map(|milestone| self.bar(milestone)));
        lines.push(String::new());
        lines.push(self.queue());
        lines.extend(self.node());
        lines.extend(self.quarantined());
        for (title, table) in [
            ("in progress", job_table::table(&self.working, self.now_ms).show("no job is held")),
            ("failed", job_table::table(&self.failed, self.now_ms).show("")),
            ("provers", provers::table(&self.provers, self.now_ms).show("no provers seen")),
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
        lines.into_iter().map(|line| printable::line(&line).chars().take(width).collect()).collect()
    }

    fn title(&self) -> String {
        let version = text(Some(&self.status.version));
        let free = text(self.status.space.free_bytes.map(bytes));
        let low = if self.status.space.low { ", LOW" } else { "" };
        format!("witness-server {version} at {}  disk free {free}{low}", self.url)
    }

    /// Returns the last block that reached a milestone.
    fn head(&self, milestone: Milestone) -> u32 {
        match milestone {
            Milestone::Imported => self.status.blocks.head,
            Milestone::Witnessed => self.status.blocks.witnessed,
            Milestone::Proven => self.status.blocks.proven,
            Milestone::Aggregated => self.status.blocks.aggregated,
            Milestone::Verified => self.status.blocks.verified,
        }
    }

    fn bar(&self, milestone: Milestone) -> String {
        let head = self.head(milestone);
        let imported = self.head(Milestone::Imported) as usize;
        let filled = (head as usize * BAR).checked_div(imported).unwrap_or(0).min(BAR);
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(BAR - filled));
        let rate = self.rate(milestone).map(|rate| format!("{rate:>8.1}/min")).unwrap_or_default();
        format!("{:<12} {head:>9}  [{bar}] {rate}", milestone.name()).trim_end().to_owned()
    }

    /// Returns the blocks per minute over the last minutes.
    fn rate(&self, milestone: Milestone) -> Option<f64> {
        let last = self.history.points.last()?;
        let recent = |point: &&HistoryPoint| last.at_ms.saturating_sub(point.at_ms) <= RATE_WINDOW_MS;
        let first = self.history.points.iter().find(recent)?;
        let time = last.at_ms.saturating_sub(first.at_ms);
        let blocks = reached(last, milestone).saturating_sub(reached(first, milestone));
        (time > 0).then(|| f64::from(blocks) * 60_000.0 / time as f64)
    }

    /// Returns the line of the link to a node, if one is followed.
    fn node(&self) -> Option<String> {
        let node = self.status.node.as_ref()?;
        let fault = node.fault.as_ref().map(|fault| format!(": {}", text(Some(&fault.message))));
        Some(format!(
            "node  {}, newest block {}, {} behind{}",
            node.phase.replace('_', " "),
            node.newest_block,
            node.blocks_behind,
            fault.unwrap_or_default()
        ))
    }

    fn queue(&self) -> String {
        let jobs = &self.status.jobs;
        let behind = self.head(Milestone::Witnessed).saturating_sub(self.head(Milestone::Proven));
        let left = self
            .rate(Milestone::Proven)
            .filter(|rate| *rate > 0.0 && behind > 0)
            .map(|rate| format!("  all proven in {}", span((f64::from(behind) * 60_000.0 / rate) as u64)));
        format!(
            "jobs  idle {}  in progress {}  failed {}  done {}{}{}",
            jobs.idle,
            jobs.in_progress,
            jobs.failed,
            jobs.done,
            if jobs.paused_at_ms.is_some() { "  CLAIMS PAUSED" } else { "" },
            left.unwrap_or_default()
        )
    }

    fn quarantined(&self) -> Vec<String> {
        let blocks = self.status.blocks.quarantined.iter().take(QUARANTINED);
        let line =
            |reason: &String, block: u32| format!("block {block} is quarantined: {}", text(Some(reason)));
        blocks.map(|quarantined| line(&quarantined.quarantine.reason, quarantined.block)).collect()
    }
}

/// Returns the last block that had reached a milestone.
fn reached(point: &HistoryPoint, milestone: Milestone) -> u32 {
    match milestone {
        Milestone::Imported => point.imported,
        Milestone::Witnessed => point.witnessed,
        Milestone::Proven => point.proven,
        Milestone::Aggregated => point.aggregated,
        Milestone::Verified => point.verified,
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

    fn frame() -> ScreenFrame {
        let point = |at_ms: u64, proven: u32| {
            json!({"at_ms": at_ms, "imported": 40, "witnessed": 30, "proven": proven, "aggregated": 4, "verified": 4,
                "idle": 5, "in_progress": 1, "failed": 0})
        };
        let status = json!({
            "version": "1", "genesis": null,
            "blocks": {"head": 40, "witnessed": 30, "proven": 20, "aggregated": 4, "verified": 4,
                "quarantined": [{"block": 31, "reason": "the root differs", "operation": null, "kind": null, "at_ms": 0}]},
            "jobs": {"idle": 5, "in_progress": 1, "failed": 0, "done": 20, "pending": 6, "last_single_block": 30,
                "last_aggregated_block": 4},
            "aggregated_operations": {"commit_blocks": 40, "create_proof_blocks": 4, "publish_proof_blocks_onchain": 4,
                "execute_blocks": 4},
            "space": {"free_bytes": 5_000_000_000_u64, "min_free_bytes": 0, "low": true},
            "storage": null, "provers": 1,
        });
        let job = json!({"id": 21, "type": "SINGLE_PROOF", "status": "in_progress", "priority": 1, "first_block": 21,
            "last_block": 21, "attempts": 2, "holder": "p1", "created_at_ms": 1_000_000, "updated_at_ms": 1_059_000,
            "last_heartbeat_ms": 1_059_000, "eta_ms": 30_000});
        let prover = json!({"name": "p1", "first_seen_ms": 0, "last_seen_ms": 1_059_000, "jobs": [21], "held": 1,
            "proofs": 20, "rejected": 0});
        let history =
            json!({"interval_ms": 5000, "points": [point(0, 0), point(1_000_000, 10), point(1_060_000, 20)]});
        ScreenFrame {
            url: "http://u".to_owned(),
            now_ms: 1_060_000,
            status: serde_json::from_value(status).unwrap(),
            working: vec![serde_json::from_value(job).unwrap()],
            failed: Vec::new(),
            provers: vec![serde_json::from_value(prover).unwrap()],
            history: serde_json::from_value(history).unwrap(),
            complaint: None,
        }
    }

    #[test]
    fn the_link_to_a_node_has_a_line() {
        let mut frame = frame();
        let link = json!({"url": "postgres://db", "phase": "catching_up", "since_ms": 0, "newest_block": 50,
            "blocks_behind": 10, "proofs_pending": 0, "fault": {"code": "unreachable", "message": "away", "at_ms": 0}});
        frame.status.node = serde_json::from_value(link).unwrap();
        let lines = frame.lines(110, 40);
        let line = "node  catching up, newest block 50, 10 behind: away";
        assert!(lines.iter().any(|found| found == line), "{lines:?}");
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
prover  last seen  jobs  proofs  rejected  state
p1            1 s    21      20         0  -";
        assert_eq!(frame().lines(usize::MAX, usize::MAX).join("\n"), expected);
    }

    #[test]
    fn a_small_terminal_gets_what_fits_and_the_complaint_is_shown() {
        let mut frame = frame();
        frame.complaint = Some("cannot reach the server".to_owned());
        let lines = frame.lines(20, 5);
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.chars().count() <= 20));
        assert_eq!(lines[1], "cannot reach the ser");
        assert_eq!(lines[4], "…");
    }

    #[test]
    fn without_history_and_free_space_lines_have_no_rates_and_dashes() {
        let mut frame = frame();
        frame.history.points.clear();
        frame.status.space.free_bytes = None;
        let lines = frame.lines(80, 24);
        assert!(lines[0].contains("disk free -"), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("/min")), "{lines:?}");
    }
}
