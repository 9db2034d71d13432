//! The outcome of a run as JUnit: a suite for each milestone, with a test case for each block, and a
//! suite for a script.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcome::{RunFailure, RunOutcome};
use crate::cli::error::CliError;
use crate::cli::in_process::{BlockTimes, Milestone, missing};

/// Returns the report as XML. If the run failed, exactly one test case fails, the one at fault;
/// milestones that were not reached because of it are skipped.
///
/// # Errors
/// Fails if the report cannot be expressed as XML.
pub(crate) fn report(outcome: &RunOutcome) -> Result<String, CliError> {
    let mut report = Report::new("witness-server run");
    report.set_time(outcome.elapsed);
    for milestone in outcome.until.up_to() {
        let mut suite = TestSuite::new(milestone.name());
        let mut longest = Duration::ZERO;
        for (block, times) in &outcome.blocks {
            let mut case = TestCase::new(
                format!("block {block} {}", milestone.name()),
                status(outcome, *block, times, milestone),
            );
            case.set_classname(format!("witness-server.{}", milestone.name()));
            if let Some(taken) = taken(times, milestone) {
                case.set_time(taken);
                longest = longest.max(taken);
            }
            suite.add_test_case(case);
        }
        suite.set_time(longest);
        report.add_test_suite(suite);
    }
    let reason = without_case(outcome);
    if reason.is_some() || outcome.of_script {
        let mut suite = TestSuite::new("run");
        let name = if outcome.of_script { "the script" } else { "the chain" };
        let mut case = TestCase::new(name, reason.map_or_else(TestCaseStatus::success, failure));
        case.set_classname("witness-server.run");
        suite.add_test_case(case);
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| CliError::Failed(format!("the report cannot be written: {error}")))
}

/// Returns the reason of a failure that no test case shows, because it concerns no block of the
/// report, or a milestone that the block has reached.
fn without_case(outcome: &RunOutcome) -> Option<&str> {
    let RunFailure { at, reason } = outcome.failure.as_ref()?;
    let shown = |(block, milestone): (u32, Milestone)| {
        milestone <= outcome.until
            && outcome
                .blocks
                .iter()
                .any(|(number, times)| *number == block && times[milestone as usize].is_none())
    };
    (!at.is_some_and(shown)).then_some(reason)
}

fn status(outcome: &RunOutcome, block: u32, times: &BlockTimes, milestone: Milestone) -> TestCaseStatus {
    if times[milestone as usize].is_some() {
        return TestCaseStatus::success();
    }
    match &outcome.failure {
        Some(RunFailure { at: Some(at), reason }) if *at == (block, milestone) => failure(reason),
        _ => {
            let mut skipped = TestCaseStatus::skipped();
            let first = missing(times, milestone).unwrap_or(milestone);
            skipped.set_message(match first == milestone {
                true => "the run ended before".to_owned(),
                false => format!("the block is not {}", first.name()),
            });
            skipped
        }
    }
}

fn failure(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(reason).set_type("not reached").set_description(reason);
    status
}

/// Returns the time from the previous milestone of the block to this one.
fn taken(times: &BlockTimes, milestone: Milestone) -> Option<Duration> {
    let reached = times[milestone as usize]?;
    let before = times[..milestone as usize].iter().flatten().max().copied().unwrap_or_default();
    Some(reached.saturating_sub(before))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn the_case_at_fault_fails_and_later_ones_are_skipped() {
        let outcome = RunOutcome {
            of_script: false,
            until: Milestone::Proven,
            blocks: vec![
                (1, [at(100), at(150), at(400), None, None]),
                (2, [at(200), None, None, None, None]),
            ],
            elapsed: Duration::from_secs(1),
            failure: Some(RunFailure {
                at: Some((2, Milestone::Witnessed)),
                reason: "the root is <another> & so on".to_owned(),
            }),
        };
        let xml = report(&outcome).unwrap();
        let head = xml.lines().nth(1).unwrap();
        assert!(head.contains("tests=\"6\"") && head.contains("failures=\"1\""), "{head}");
        assert_eq!(xml.matches("<failure ").count(), 1);
        assert_eq!(xml.matches("<skipped ").count(), 1, "{xml}");
        assert!(xml.contains("the root is &lt;another&gt; &amp; so on"), "{xml}");
        assert!(xml.contains("the block is not witnessed"), "{xml}");
        let proven = xml.lines().find(|line| line.contains("block 1 proven")).unwrap();
        assert!(proven.contains("time=\"0.250\""), "{proven}");
    }

    #[test]
    fn a_fault_outside_blocks_has_a_case_of_its_own() {
        let failure = Some(RunFailure { at: None, reason: "no genesis".to_owned() });
        let outcome = RunOutcome {
            of_script: false,
            until: Milestone::Imported,
            blocks: vec![(1, BlockTimes::default())],
            elapsed: Duration::ZERO,
            failure,
        };
        let xml = report(&outcome).unwrap();
        assert!(xml.contains("name=\"the chain\"") && xml.contains("no genesis"), "{xml}");
    }

    #[test]
    fn a_script_has_a_case_even_if_it_made_no_block() {
        let mut outcome = RunOutcome {
            of_script: true,
            until: Milestone::Proven,
            blocks: Vec::new(),
            elapsed: Duration::ZERO,
            failure: None,
        };
        for failures in ["failures=\"0\"", "failures=\"1\""] {
            let xml = report(&outcome).unwrap();
            let head = xml.lines().nth(1).unwrap();
            assert!(head.contains("tests=\"1\"") && head.contains(failures), "{xml}");
            assert!(xml.contains("name=\"the script\""), "{xml}");
            outcome.failure = Some(RunFailure { at: None, reason: "exit status: 3".to_owned() });
        }
    }

    #[test]
    fn a_failure_that_no_block_shows_has_a_case_of_its_own() {
        let reached = [at(1), None, None, None, None];
        for (until, block) in [(Milestone::Imported, 1), (Milestone::Witnessed, 9)] {
            let failure =
                RunFailure { at: Some((block, Milestone::Witnessed)), reason: "no root".to_owned() };
            let outcome = RunOutcome {
                of_script: false,
                until,
                blocks: vec![(1, reached)],
                elapsed: Duration::ZERO,
                failure: Some(failure),
            };
            let xml = report(&outcome).unwrap();
            assert_eq!(xml.matches("<failure ").count(), 1, "{xml}");
            assert!(xml.contains("name=\"the chain\""), "{xml}");
        }
    }
}
