//! The outcome of a run as Markdown, for the page of a pipeline: appended to the file that
//! `GITHUB_STEP_SUMMARY` names.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::outcome::RunOutcome;
use crate::cli::error::CliError;
use crate::cli::output::unwritable;
use crate::printable;

/// The variable of the pipeline.
const VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Appends the outcome to the summary of a step, if the pipeline has one.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn append(outcome: &RunOutcome) -> Result<(), CliError> {
    let Some(path) = std::env::var_os(VARIABLE).filter(|path: &OsString| !path.is_empty()) else {
        return Ok(());
    };
    let path = Path::new(&path);
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(markdown(outcome).as_bytes())).map_err(unwritable(path))
}

fn markdown(outcome: &RunOutcome) -> String {
    let rows = outcome.until.up_to().map(|milestone| {
        let reached = outcome.blocks.iter().filter(|(_, times)| times[milestone as usize].is_some()).count();
        format!("| {} | {reached}/{} |\n", milestone.name(), outcome.blocks.len())
    });
    let verdict = match &outcome.failure {
        None => format!("Every block is {}.", outcome.until.name()),
        // Indented text is shown verbatim.
        Some(failure) => format!("Failed:\n\n    {}", printable::line(&failure.reason)),
    };
    format!(
        "### witness-server run\n\n| stage | blocks |\n| --- | --- |\n{}\n{verdict}\n",
        rows.collect::<String>()
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::time::Duration;

    use super::super::outcome::RunFailure;
    use super::*;
    use crate::cli::in_process::Milestone;

    #[test]
    fn stages_are_a_table_and_the_reason_is_verbatim() {
        let at = Some(Duration::from_secs(1));
        let mut outcome = RunOutcome {
            of_script: false,
            until: Milestone::Witnessed,
            blocks: vec![(1, [at, at, None, None, None]), (2, [at, None, None, None, None])],
            elapsed: Duration::from_secs(2),
            failure: Some(RunFailure { at: None, reason: "<b>root</b>\nx".to_owned() }),
        };
        let text = markdown(&outcome);
        assert!(text.contains("| imported | 2/2 |\n| witnessed | 1/2 |\n\n"), "{text}");
        assert!(text.ends_with("Failed:\n\n    <b>root</b>\\u000ax\n"), "{text}");
        outcome.failure = None;
        assert!(markdown(&outcome).ends_with("\nEvery block is witnessed.\n"));
    }
}
