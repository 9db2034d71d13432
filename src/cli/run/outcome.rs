//! The outcome of a run, block by block.

use std::time::Duration;

use crate::cli::error::CliError;
use crate::cli::in_process::{BlockTimes, ChainProgress, Milestone};

/// The outcome of a run.
pub(crate) struct RunOutcome {
    /// True if a script made the blocks.
    pub of_script: bool,
    /// The milestone that every block should reach.
    pub until: Milestone,
    /// The blocks by number, each with the times at which it reached the milestones.
    pub blocks: Vec<(u32, BlockTimes)>,
    /// Duration of the run.
    pub elapsed: Duration,
    /// The reason why a block did not reach the milestone, if one did not.
    pub failure: Option<RunFailure>,
}

/// The reason why a block did not reach the milestone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFailure {
    /// The block at fault and the milestone that it did not reach; `None` if the fault is not in a
    /// block.
    pub at: Option<(u32, Milestone)>,
    /// The reason, as a sentence.
    pub reason: String,
}

impl RunOutcome {
    /// Returns the outcome for the progress at the end of a run.
    pub(crate) fn new(of_script: bool, progress: &ChainProgress, failure: Option<RunFailure>) -> Self {
        Self {
            of_script,
            until: progress.until(),
            blocks: progress.times().map(|(block, times)| (block, *times)).collect(),
            elapsed: progress.elapsed(),
            failure,
        }
    }

    /// Returns the outcome of a run that failed before it could import anything.
    pub(crate) fn failed_early(of_script: bool, until: Milestone, reason: String) -> Self {
        let failure = Some(RunFailure { at: None, reason });
        Self { of_script, until, blocks: Vec::new(), elapsed: Duration::ZERO, failure }
    }

    /// Returns the last block that should reach the milestone.
    pub(crate) fn last(&self) -> u32 {
        self.blocks.last().map_or(0, |(block, _)| *block)
    }

    /// Returns the reason of the failure, if any, followed by the error of writing report and
    /// summary, if any.
    pub(crate) fn verdict(self, written: Result<(), CliError>) -> Result<(), CliError> {
        match (self.failure, written) {
            (None, written) => written,
            (Some(failure), Ok(())) => Err(CliError::Failed(failure.reason)),
            (Some(failure), Err(error)) => Err(CliError::Failed(format!("{}; and {error}", failure.reason))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_followed_by_the_error_of_the_report() {
        let outcome = |reason: Option<&str>| RunOutcome {
            of_script: false,
            until: Milestone::Proven,
            blocks: Vec::new(),
            elapsed: Duration::ZERO,
            failure: reason.map(|reason| RunFailure { at: None, reason: reason.to_owned() }),
        };
        let unwritten = || Err(CliError::Failed("the report is not written".to_owned()));
        let text = |verdict: Result<(), CliError>| verdict.unwrap_err().to_string();
        assert!(outcome(None).verdict(Ok(())).is_ok());
        assert!(text(outcome(None).verdict(unwritten())).contains("the report is not written"));
        assert!(text(outcome(Some("time is up")).verdict(Ok(()))).contains("time is up"));
        let both = text(outcome(Some("time is up")).verdict(unwritten()));
        assert!(both.contains("time is up; and ") && both.contains("the report is not written"), "{both}");
    }
}
