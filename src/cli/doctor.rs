//! `doctor`: checks a data folder, and repairs it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::flags;
use super::output::show;
use super::progress::Phases;
use crate::{
    config::Config,
    service::store_options,
    store::{Finding, Inspection, Severity, StoreError},
    workers::doctor::{self, RepairError, Replaced},
};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(args = flags::of_stopped_folder())]
pub(crate) struct DoctorArgs {
    /// Rebuild the folder from everything that can be read of it; the old one is moved into
    /// `damaged` within it
    #[arg(long)]
    pub repair: bool,
    /// Print one JSON object instead of a line for each finding
    #[arg(long)]
    pub json: bool,
}

/// Checks the folder, and repairs it with `--repair`. Without `--repair`, nothing in the folder
/// changes: the check works on a copy of the sled database beside it.
///
/// # Errors
/// Fails if the folder cannot be read, and with [`CliError::Findings`] if it is not sound in the
/// end.
pub(crate) fn run(args: &DoctorArgs, config: &Config) -> Result<(), CliError> {
    let folder = config.require_data_dir()?;
    let phases = Phases::default();
    let progress = |what: &'static str, done: u64, total: u64| phases.set(what, done, total);
    let (findings, replaced) = if args.repair {
        let repaired = doctor::repair(folder, &store_options(config), &progress).map_err(unrepaired)?;
        (repaired.findings, repaired.replaced)
    } else {
        let inspection = Inspection::open(folder, store_options(config)).map_err(unopened)?;
        (doctor::check(&inspection, &progress)?, None)
    };
    drop(phases);
    print(args, folder, &findings, replaced.as_ref())?;
    verdict(&findings, replaced.as_ref())
}

fn print(
    args: &DoctorArgs,
    folder: &Path,
    findings: &[Finding],
    replaced: Option<&Replaced>,
) -> Result<(), CliError> {
    if args.json {
        let replaced = replaced.map(|replaced| {
            let report = &replaced.report;
            json!({
                "put_aside": replaced.aside,
                "lost": replaced.lost,
                "blocks": report.blocks,
                "aggregated_operations": report.aggregated_operations,
                "proofs": report.proofs,
                "aggregated_proofs": report.aggregated_proofs,
            })
        });
        let object = json!({ "sound": is_sound(findings), "findings": findings, "repaired": replaced });
        return show(&object.to_string());
    }
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if let Some(Replaced { aside, report, lost }) = replaced {
        lines.extend(lost.iter().cloned());
        lines.push(format!(
            "repaired: {} blocks, {} aggregated operations, {} proofs and {} aggregated proofs are in the new folder; witnesses and jobs \
             are rebuilt when the server starts; the old folder is in {}",
            report.blocks,
            report.aggregated_operations,
            report.proofs,
            report.aggregated_proofs,
            aside.display()
        ));
    } else if is_sound(findings) {
        lines.push(format!("{} is sound", folder.display()));
    }
    show(&lines.join("\n"))
}

fn verdict(findings: &[Finding], replaced: Option<&Replaced>) -> Result<(), CliError> {
    match replaced {
        Some(replaced) if replaced.lost.is_empty() => Ok(()),
        Some(replaced) => Err(CliError::Findings(format!(
            "{} items are lost; import the chain again, stored items are skipped",
            replaced.lost.len()
        ))),
        None if is_sound(findings) => Ok(()),
        None => Err(CliError::Findings(
            "the folder is not sound; copy it, then run `doctor --repair`, or restore a copy of it"
                .to_owned(),
        )),
    }
}

/// Returns true if the findings are only left-over files, which do no harm.
fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::LeftOver)
}

fn unopened(error: StoreError) -> CliError {
    match error {
        StoreError::NotFound { .. } => {
            CliError::DataFolder(format!("{error}; check --data-dir, or create one with `import` or `serve`"))
        }
        error => CliError::DataFolder(error.to_string()),
    }
}

fn unrepaired(error: RepairError) -> CliError {
    match error {
        RepairError::NoGenesis => CliError::Findings(error.to_string()),
        RepairError::Store(error) => unopened(error),
    }
}
