//! How a run ended, block by block.

use std::time::Duration;

use crate::cli::CliError;
use crate::cli::in_process::{BlockTimes, Stage, Stages};

/// See the module.
pub struct Outcome {
    /// The stage that was waited for.
    pub until: Stage,
    /// The blocks by number, each with the times at which it reached the stages.
    pub blocks: Vec<(u32, BlockTimes)>,
    /// How long it took.
    pub elapsed: Duration,
    /// Why not all was reached.
    pub shortfall: Option<Shortfall>,
}

/// Why not all was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// The block at fault and the stage it did not reach; `None` if it was no block.
    pub at: Option<(u32, Stage)>,
    /// A sentence.
    pub reason: String,
}

impl Outcome {
    /// What the stages show in the end.
    pub fn new(stages: &Stages, shortfall: Option<Shortfall>) -> Self {
        Self {
            until: stages.until(),
            blocks: stages.times().map(|(block, times)| (block, *times)).collect(),
            elapsed: stages.elapsed(),
            shortfall,
        }
    }

    /// The last block that was waited for.
    pub fn last(&self) -> u32 {
        self.blocks.last().map_or(0, |(block, _)| *block)
    }

    /// Success, or the reason as an error; what kept report or summary from being written comes behind it.
    pub fn verdict(self, written: Result<(), CliError>) -> Result<(), CliError> {
        match (self.shortfall, written) {
            (None, written) => written,
            (Some(shortfall), Ok(())) => Err(CliError::Failed(shortfall.reason)),
            (Some(shortfall), Err(error)) => {
                Err(CliError::Failed(format!("{}; and {error}", shortfall.reason)))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_told_with_what_could_not_be_written() {
        let outcome = |reason: Option<&str>| Outcome {
            until: Stage::Proven,
            blocks: Vec::new(),
            elapsed: Duration::ZERO,
            shortfall: reason.map(|reason| Shortfall { at: None, reason: reason.to_owned() }),
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
