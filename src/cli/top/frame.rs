//! The lines that `top` shows, made from the answers of the API.

use super::sort::Sort;
use crate::api::views::{HistoryPoint, HistoryView, JobView, ProverView, Status};
use crate::cli::colour::{Tone, TonedText};
use crate::cli::in_process::Milestone;
use crate::cli::job_table;
use crate::cli::provers;
use crate::cli::text_table::{span, text};

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
    /// The time of the last request.
    pub asked_ms: u64,
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
    /// Returns at most `height` lines of at most `width` characters, with the lists in an order.
    pub(crate) fn lines(&self, sort: Sort, width: usize, height: usize) -> Vec<TonedText> {
        let mut lines = vec![self.title()];
        if let Some(complaint) = &self.complaint {
            let complaint = text(Some(complaint));
            lines.push(TonedText::of(Tone::Trouble, complaint));
            let age = span(self.asked_ms.saturating_sub(self.now_ms));
            lines.push(TonedText::of(
                Tone::Trouble,
                format!("The state below is {age} old; requests continue."),
            ));
        }
        lines.push(TonedText::default());
        lines.extend(Milestone::ALL.map(|milestone| self.bar(milestone).into()));
        lines.push(TonedText::default());
        lines.push(self.queue());
        lines.extend(self.node());
        lines.extend(self.quarantined());
        let jobs = |jobs: &[JobView]| job_table::table(&sort.jobs(jobs), self.now_ms);
        let provers = provers::table(&sort.provers(&self.provers), self.now_ms);
        for (title, table) in [
            ("in progress", jobs(&self.working).show("no job is held")),
            (
                "failed",
                if self.failed.is_empty() { TonedText::default() } else { jobs(&self.failed).show("") },
            ),
            ("provers", provers.show("no provers seen")),
        ] {
            let table = table.lines();
            if table.is_empty() {
                continue;
            }
            lines.push(TonedText::default());
            lines.push(format!("-- {title}, by {}", sort.name()).into());
            lines.extend(table);
        }
        if lines.len() > height {
            lines.truncate(height.saturating_sub(1));
            lines.push("…".to_owned().into());
        }
        lines.iter().map(|line| line.fitted(width)).collect()
    }

    fn title(&self) -> TonedText {
        let version = text(Some(&self.status.version));
        let free = text(self.status.space.free_bytes.map(bytes));
        let mut title =
            TonedText::from(format!("witness-server {version} at {}  disk free {free}", self.url));
        if self.status.space.low {
            title.push(Tone::Plain, ", ");
            title.push(Tone::Trouble, "LOW");
        }
        title
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
    fn node(&self) -> Option<TonedText> {
        let node = self.status.node.as_ref()?;
        let (phase, newest, behind) = (node.phase.replace('_', " "), node.newest_block, node.blocks_behind);
        let mut line = TonedText::from(format!("node  {phase}, newest block {newest}, {behind} behind"));
        if let Some(fault) = &node.fault {
            line.push(Tone::Trouble, format!(": {}", text(Some(&fault.message))));
        }
        Some(line)
    }

    fn queue(&self) -> TonedText {
        let jobs = &self.status.jobs;
        let mut line =
            TonedText::from(format!("jobs  idle {}  in progress {}  ", jobs.idle, jobs.in_progress));
        let failed = if jobs.failed > 0 { Tone::Trouble } else { Tone::Plain };
        line.push(failed, format!("failed {}", jobs.failed));
        line.push(Tone::Plain, format!("  done {}", jobs.done));
        if jobs.paused_at_ms.is_some() {
            line.push(Tone::Plain, "  ");
            line.push(Tone::Caution, "CLAIMS PAUSED");
        }
        let behind = self.head(Milestone::Witnessed).saturating_sub(self.head(Milestone::Proven));
        if let Some(rate) = self.rate(Milestone::Proven).filter(|rate| *rate > 0.0 && behind > 0) {
            let left = span((f64::from(behind) * 60_000.0 / rate) as u64);
            line.push(Tone::Plain, format!("  all proven in {left}"));
        }
        line
    }

    fn quarantined(&self) -> Vec<TonedText> {
        let blocks = self.status.blocks.quarantined.iter().take(QUARANTINED);
        let line = |reason: &String, block: u32| {
            let sentence = format!("block {block} is quarantined: {}", text(Some(reason)));
            TonedText::of(Tone::Trouble, sentence)
        };
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
            asked_ms: 1_060_000,
            status: serde_json::from_value(status).unwrap(),
            working: vec![serde_json::from_value(job).unwrap()],
            failed: Vec::new(),
            provers: vec![serde_json::from_value(prover).unwrap()],
            history: serde_json::from_value(history).unwrap(),
            complaint: None,
        }
    }

    fn lines(frame: &ScreenFrame, width: usize, height: usize) -> Vec<String> {
        frame.lines(Sort::Name, width, height).iter().map(|line| line.written(false)).collect()
    }

    #[test]
    fn the_link_to_a_node_has_a_line() {
        let mut frame = frame();
        let link = json!({"url": "postgres://db", "phase": "catching_up", "since_ms": 0, "newest_block": 50,
            "blocks_behind": 10, "proofs_pending": 0, "fault": {"code": "unreachable", "message": "away", "at_ms": 0}});
        frame.status.node = serde_json::from_value(link).unwrap();
        let lines = lines(&frame, 110, 40);
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

-- in progress, by name
id  type    blocks  status       attempt  holder  heartbeat   age   eta
21  single      21  in_progress        2  p1            1 s  60 s  30 s

-- provers, by name
prover  last seen  jobs  proofs  rejected  state
p1            1 s    21      20         0  -";
        assert_eq!(lines(&frame(), usize::MAX, usize::MAX).join("\n"), expected);
    }

    #[test]
    fn a_small_terminal_gets_what_fits_and_the_complaint_is_shown() {
        let mut frame = frame();
        frame.complaint = Some("cannot reach the server".to_owned());
        frame.asked_ms += 5_000;
        let lines = lines(&frame, 20, 5);
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.chars().count() <= 20));
        assert_eq!(lines[1], "cannot reach the ser");
        assert_eq!(lines[2], "The state below is 5");
        assert_eq!(lines[4], "…");
    }

    #[test]
    fn without_history_and_free_space_lines_have_no_rates_and_dashes() {
        let mut frame = frame();
        frame.history.points.clear();
        frame.status.space.free_bytes = None;
        let lines = lines(&frame, 80, 24);
        assert!(lines[0].contains("disk free -"), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("/min")), "{lines:?}");
    }
}
