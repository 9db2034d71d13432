//! `status`: progress of blocks, witnesses, jobs and proofs, and what keeps them from continuing.

use clap::Args;

use super::colour::{Tone, TonedText};
use super::error::CliError;
use super::flags;
use super::in_process::Milestone;
use super::text_table::{TextTable, age, span, text, time};
use super::view_source::{ViewSource, now_ms};
use crate::{
    api::{
        paths,
        views::{Status, WithheldProver},
    },
    config::Config,
    report,
};

/// Maximum number of quarantined blocks that are shown.
const QUARANTINED: usize = 3;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct StatusArgs {
    /// Print the JSON of the API instead
    #[arg(short, long)]
    pub json: bool,
}

/// Shows the status.
///
/// # Errors
/// Fails if the target cannot be read.
pub(crate) fn run(args: &StatusArgs, config: &Config) -> Result<(), CliError> {
    ViewSource::open(config)?
        .print(paths::STATUS, args.json, report::status, |status| for_people(status, now_ms()))
}

/// Returns the stages as a table, a line each for jobs, provers, space and links, and the problems.
fn for_people(status: &Status, now_ms: u64) -> TonedText {
    let mut stages = TextTable::new(&["stage", "last block"]);
    for (milestone, block) in [
        (Milestone::Imported, status.blocks.head),
        (Milestone::Witnessed, status.blocks.witnessed),
        (Milestone::Proven, status.blocks.proven),
        (Milestone::Aggregated, status.blocks.aggregated),
        (Milestone::Verified, status.blocks.verified),
    ] {
        stages.row(vec![milestone.name().to_owned(), block.to_string()]);
    }
    let mut out = stages.show("");
    let jobs = &status.jobs;
    out.push(Tone::Plain, format!("jobs     {} idle, {} in progress, ", jobs.idle, jobs.in_progress));
    let tone = if jobs.failed > 0 { Tone::Trouble } else { Tone::Plain };
    out.push(tone, format!("{} failed", jobs.failed));
    out.push(Tone::Plain, format!(", {} done\nprovers  {}\n", jobs.done, status.provers));
    if let Some(free) = status.space.free_bytes {
        let tone = if status.space.low { Tone::Trouble } else { Tone::Plain };
        out.push(Tone::Plain, "disk     ");
        out.push(tone, format!("{:.1} GB free\n", free as f64 / 1e9));
    }
    if let Some(node) = &status.node {
        let tone = if node.fault.is_some() { Tone::Trouble } else { Tone::Plain };
        out.push(Tone::Plain, format!("node     {}, ", text(Some(&node.url))));
        out.push(tone, text(Some(node.phase.replace('_', " "))));
        let rest = format!(
            ", newest block {}, {} behind, {} proofs to hand back\n",
            node.newest_block, node.blocks_behind, node.proofs_pending
        );
        out.push(Tone::Plain, rest);
    }
    let problems = problems(status, now_ms);
    out.push(Tone::Plain, if problems.is_empty() { "\nProblems: none" } else { "\nProblems:" });
    for (tone, problem) in problems {
        out.push(Tone::Plain, "\n  ");
        out.push(tone, problem);
    }
    out
}

/// Returns a sentence for each thing that an operator has to do something about.
fn problems(status: &Status, now_ms: u64) -> Vec<(Tone, String)> {
    let mut problems = Vec::new();
    let mut trouble = |problem: String| problems.push((Tone::Trouble, problem));
    if status.genesis.is_none() {
        trouble("No genesis is imported: `import` a chain folder, or follow a node.".to_owned());
    }
    let quarantined = &status.blocks.quarantined;
    for block in quarantined.iter().take(QUARANTINED) {
        let (number, reason) = (block.block, text(Some(&block.quarantine.reason)));
        trouble(format!(
            "Block {number} is quarantined, and later blocks wait: {reason}; see `explain block {number}`."
        ));
    }
    if quarantined.len() > QUARANTINED {
        trouble(format!("{} further blocks are quarantined.", quarantined.len() - QUARANTINED));
    }
    if let Some(fault) = &status.witness_fault {
        let (number, cause) = (fault.block, text(Some(fault.cause.trim_end_matches('.'))));
        trouble(format!(
            "The witness of block {number} cannot be built, and later blocks wait: {cause}; see `explain block {number}`."
        ));
    }
    if status.jobs.failed > 0 {
        trouble(format!(
            "{} failed: see `jobs list --status failed`, then `jobs requeue` them.",
            match status.jobs.failed {
                1 => "1 job".to_owned(),
                failed => format!("{failed} jobs"),
            }
        ));
    }
    if status.space.low {
        trouble(format!(
            "Less than {} bytes are free, so no new work begins: free some space; proofs are still accepted.",
            status.space.min_free_bytes
        ));
    }
    if let Some(node) = &status.node {
        let mut faults = vec![&node.fault, &node.hand_back_fault];
        // Reading and writing fail for the same reason if Postgres is down.
        faults.dedup_by_key(|fault| fault.as_ref().map(|fault| &fault.message));
        for fault in faults.into_iter().flatten() {
            trouble(format!("The link to the node: {}.", text(Some(fault.message.trim_end_matches('.')))));
        }
    }
    problems.extend(withheld(status, now_ms).into_iter().map(|problem| (Tone::Caution, problem)));
    problems
}

/// Returns a sentence for each reason why provers get no job though there is work.
fn withheld(status: &Status, now_ms: u64) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(paused_at_ms) = status.jobs.paused_at_ms {
        reasons.push(format!(
            "Claims have been paused for {}, so provers get no job: `jobs resume` ends the pause.",
            age(Some(paused_at_ms), now_ms)
        ));
    }
    reasons.extend(status.provers_withheld.iter().map(|prover| withheld_prover(prover, now_ms)));
    let withheld = status.provers_suspended.saturating_add(status.provers_blocked);
    let further = withheld.saturating_sub(status.provers_withheld.len() as u64);
    if further > 0 {
        reasons.push(format!("Further suspended or blocked provers: {further}; see `provers list`."));
    }
    reasons
}

/// Returns the sentence about a prover that gets no job.
fn withheld_prover(prover: &WithheldProver, now_ms: u64) -> String {
    let name = text(Some(&prover.name));
    let remedy = match prover.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c)) {
        true => format!("`provers unblock {name}`"),
        false => format!("`provers unblock '{}'`", name.replace('\'', "'\\''")),
    };
    match (prover.blocked_at_ms, prover.suspended_until_ms) {
        (None, Some(until_ms)) => format!(
            "Prover {name} is suspended after refused proofs until {}, for {}: {remedy} ends that once it is repaired.",
            time(until_ms),
            span(until_ms.saturating_sub(now_ms))
        ),
        (blocked_at_ms, _) => format!(
            "Prover {name} was blocked by an operator {} ago and gets no job: {remedy} ends that.",
            age(blocked_at_ms, now_ms)
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(change: impl FnOnce(&mut Value)) -> Status {
        let mut status = json!({
            "version": "1", "genesis": {"block": 0, "root": "0x00", "accounts": 7},
            "blocks": {"head": 40, "witnessed": 30, "proven": 20, "aggregated": 8, "verified": 4, "quarantined": []},
            "jobs": {"idle": 5, "in_progress": 1, "failed": 0, "done": 20, "pending": 6, "last_single_block": 30,
                "last_aggregated_block": 4},
            "aggregated_operations": {"commit_blocks": 40, "create_proof_blocks": 4, "publish_proof_blocks_onchain": 4,
                "execute_blocks": 4},
            "space": {"free_bytes": 5_000_000_000_u64, "min_free_bytes": 7, "low": false},
            "storage": null, "node": null, "provers": 2,
        });
        change(&mut status);
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn without_problems_it_says_so() {
        let text = for_people(&status(|_| {}), 0).written(false);
        for line in [
            "witnessed          30",
            "proven             20",
            "aggregated          8",
            "jobs     5 idle, 1 in progress, 0 failed, 20 done",
            "provers  2",
            "disk     5.0 GB free",
            "Problems: none",
        ] {
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.lines().any(|found| words(found) == words(line)), "{line:?} in\n{text}");
        }
    }

    #[test]
    fn each_problem_is_a_sentence_with_its_remedy() {
        let quarantine = |block: u32| json!({"block": block, "reason": "root\u{1b}[2J", "operation": null, "kind": null, "at_ms": 0});
        let fault = |message: &str| json!({"code": "unreachable", "message": message, "at_ms": 0});
        let text = for_people(
            &status(|status| {
                status["genesis"] = Value::Null;
                status["blocks"]["quarantined"] = (31..36).map(quarantine).collect();
                status["jobs"]["failed"] = json!(2);
                status["space"]["low"] = json!(true);
                status["node"] = json!({"url": "postgres://db", "phase": "catching_up", "since_ms": 0, "newest_block": 50,
                "blocks_behind": 10, "proofs_pending": 3, "fault": fault("away"), "hand_back_fault": fault("no grant.")});
                status["jobs"]["paused_at_ms"] = json!(1_000_000);
                status["provers_suspended"] = json!(2);
                status["provers_blocked"] = json!(20);
                status["provers_withheld"] = json!([
                    {"name": "p1", "suspended_until_ms": 1_700_000, "blocked_at_ms": null},
                    {"name": "it's \u{1b}", "suspended_until_ms": 1_700_000, "blocked_at_ms": 940_000},
                ]);
            }),
            1_100_000,
        )
        .written(false);
        for words in [
            "No genesis is imported",
            "`explain block 31`",
            "root\\u001b[2J",
            "2 further blocks",
            "2 jobs failed",
            "Less than 7 bytes",
            "paused for 100 s, so provers get no job: `jobs resume`",
            "p1 is suspended after refused proofs until 1970-01-01T00:28:20Z, for 10 min: `provers unblock p1`",
            "blocked by an operator 2 min ago and gets no job: `provers unblock 'it'\\''s \\u001b'`",
            "Further suspended or blocked provers: 20",
            "away.",
            "no grant.",
            "catching up, newest block 50, 10 behind, 3 proofs",
        ] {
            assert!(text.contains(words), "{words:?} in\n{text}");
        }
        assert!(!text.contains("none") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_fault_of_reading_and_writing_is_reported_once() {
        let fault = json!({"code": "unreachable", "message": "no answer", "at_ms": 0});
        let node = json!({"url": "postgres://db", "phase": "failing", "since_ms": 0, "newest_block": 0, "blocks_behind": 0,
            "proofs_pending": 0, "fault": fault, "hand_back_fault": fault});
        let text = for_people(&status(|status| status["node"] = node), 0).written(false);
        assert_eq!(text.matches("The link to the node: no answer.").count(), 1, "{text}");
    }
}
