//! `doctor`: is a data folder sound, and if not, what can be done.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::{CliError, DataDirArgs, Stages, show};
use crate::{
    config::Config,
    service::store_options,
    store::{Finding, Inspection, Severity, StoreError},
    workers::{
        doctor,
        repair::{self, RepairError, Replaced},
    },
};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The data folder; no server may be using it
    #[command(flatten)]
    pub folder: DataDirArgs,
    /// Build the folder anew from all that can be read of it; the old one is put aside within it, under `damaged`
    #[arg(long)]
    pub repair: bool,
    /// Print one JSON object instead of a line a finding
    #[arg(long)]
    pub json: bool,
}

/// Checks, and repairs if asked to. Without `--repair` nothing in the folder changes: the index is copied beside it for the time of the
/// check.
///
/// # Errors
/// See [`CliError`]; [`CliError::Findings`] when the folder is not sound in the end.
pub fn run(args: &DoctorArgs, config: &Config) -> Result<(), CliError> {
    let folder = config.require_data_dir()?;
    let stages = Stages::default();
    let progress = |what: &'static str, done: u64, of: u64| stages.set(what, done, of);
    let (findings, replaced) = if args.repair {
        let repaired = repair::repair(folder, &store_options(config), &progress).map_err(unrepaired)?;
        (repaired.findings, repaired.replaced)
    } else {
        let inspection = Inspection::open(folder, store_options(config)).map_err(unopened)?;
        (doctor::check(&inspection, &progress)?, None)
    };
    drop(stages);
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
             follow when the server starts; the old folder is in {}",
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
            "{} items are lost; import the chain once more, what is there is passed over",
            replaced.lost.len()
        ))),
        None if is_sound(findings) => Ok(()),
        None => Err(CliError::Findings(
            "the folder is not sound; copy it, then run `doctor --repair`, or restore a copy of it"
                .to_owned(),
        )),
    }
}

/// What is left over does no harm.
fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::LeftOver)
}

fn unopened(error: StoreError) -> CliError {
    match error {
        StoreError::NotFound { .. } => {
            CliError::DataFolder(format!("{error}; check --data-dir, or make one with `import` or `serve`"))
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
