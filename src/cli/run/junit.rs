//! The outcome as JUnit: a suite for each stage, a test case for each block.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcome::{Outcome, Shortfall};
use crate::cli::CliError;
use crate::cli::in_process::{BlockTimes, Stage, missing};

/// The report as XML. Exactly one test case fails if the run did: the one at fault; what could not be reached because of it is skipped.
///
/// # Errors
/// When it cannot be written as XML.
pub fn report(outcome: &Outcome) -> Result<String, CliError> {
    let mut report = Report::new("witness-server run");
    report.set_time(outcome.elapsed);
    for stage in outcome.until.up_to() {
        let mut suite = TestSuite::new(stage.name());
        let mut longest = Duration::ZERO;
        for (block, times) in &outcome.blocks {
            let mut case = TestCase::new(
                format!("block {block} {}", stage.name()),
                status(outcome, *block, times, stage),
            );
            case.set_classname(format!("witness-server.{}", stage.name()));
            if let Some(taken) = taken(times, stage) {
                case.set_time(taken);
                longest = longest.max(taken);
            }
            suite.add_test_case(case);
        }
        suite.set_time(longest);
        report.add_test_suite(suite);
    }
    if let Some(reason) = without_case(outcome) {
        let mut suite = TestSuite::new("run");
        let mut case = TestCase::new("the chain", failure(reason));
        case.set_classname("witness-server.run");
        suite.add_test_case(case);
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| CliError::Failed(format!("the report cannot be written: {error}")))
}

/// The reason of a failure that no case of a block shows: it was no block, or one that is not shown, or at a stage that it has reached.
fn without_case(outcome: &Outcome) -> Option<&str> {
    let Shortfall { at, reason } = outcome.shortfall.as_ref()?;
    let shown = |(block, stage): (u32, Stage)| {
        stage <= outcome.until
            && outcome
                .blocks
                .iter()
                .any(|(number, times)| *number == block && times[stage as usize].is_none())
    };
    (!at.is_some_and(shown)).then_some(reason)
}

fn status(outcome: &Outcome, block: u32, times: &BlockTimes, stage: Stage) -> TestCaseStatus {
    if times[stage as usize].is_some() {
        return TestCaseStatus::success();
    }
    match &outcome.shortfall {
        Some(Shortfall { at: Some(at), reason }) if *at == (block, stage) => failure(reason),
        _ => {
            let mut skipped = TestCaseStatus::skipped();
            let first = missing(times, stage).unwrap_or(stage);
            skipped.set_message(match first == stage {
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

/// Time that the stage took: since the block reached the stage before it.
fn taken(times: &BlockTimes, stage: Stage) -> Option<Duration> {
    let reached = times[stage as usize]?;
    let before = times[..stage as usize].iter().flatten().max().copied().unwrap_or_default();
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
    fn the_case_at_fault_fails_and_those_behind_it_are_skipped() {
        let outcome = Outcome {
            until: Stage::Proven,
            blocks: vec![
                (1, [at(100), at(150), at(400), None, None]),
                (2, [at(200), None, None, None, None]),
            ],
            elapsed: Duration::from_secs(1),
            shortfall: Some(Shortfall {
                at: Some((2, Stage::Witnessed)),
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
    fn a_fault_that_is_no_block_has_a_case_of_its_own() {
        let shortfall = Some(Shortfall { at: None, reason: "no genesis".to_owned() });
        let outcome = Outcome {
            until: Stage::Imported,
            blocks: vec![(1, BlockTimes::default())],
            elapsed: Duration::ZERO,
            shortfall,
        };
        let xml = report(&outcome).unwrap();
        assert!(xml.contains("name=\"the chain\"") && xml.contains("no genesis"), "{xml}");
    }

    #[test]
    fn a_failure_that_no_case_shows_is_a_case_all_the_same() {
        let reached = [at(1), None, None, None, None];
        for (until, block) in [(Stage::Imported, 1), (Stage::Witnessed, 9)] {
            let shortfall = Shortfall { at: Some((block, Stage::Witnessed)), reason: "no root".to_owned() };
            let outcome = Outcome {
                until,
                blocks: vec![(1, reached)],
                elapsed: Duration::ZERO,
                shortfall: Some(shortfall),
            };
            let xml = report(&outcome).unwrap();
            assert_eq!(xml.matches("<failure ").count(), 1, "{xml}");
            assert!(xml.contains("name=\"the chain\""), "{xml}");
        }
    }
}
