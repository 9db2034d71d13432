//! `doctor`: checks a data folder, and repairs it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::output::{show, show_lines};
use super::progress::Phases;
use super::{flags, folder};
use crate::{
    config::Config,
    printable,
    service::store_options,
    store::{Finding, StoreError},
    workers::doctor::{self, Lost, RepairError, Replaced, is_sound},
};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(args = flags::of_stopped_folder())]
pub(crate) struct DoctorArgs {
    /// Rebuild the folder from everything that can be read of it; the old one is moved into
    /// `damaged` within it
    #[arg(long)]
    pub repair: bool,
    /// Repair even if known blocks, operations or proofs cannot be read any more
    #[arg(long, requires = "repair")]
    pub accept_loss: bool,
    /// Print one JSON object instead of a line for each finding
    #[arg(short, long)]
    pub json: bool,
}

/// Checks the folder, and repairs it with `--repair`. Without `--repair`, nothing in the folder
/// changes: the check works on a copy of the sled database.
///
/// # Errors
/// Fails with [`CliError::DataFolder`] if the system fails to read something, which changes
/// nothing, and with [`CliError::Findings`] if the folder is not sound in the end.
pub(crate) fn run(args: &DoctorArgs, config: &Config) -> Result<(), CliError> {
    let dir = config.require_data_dir()?;
    let phases = Phases::default();
    let progress = |what: &'static str, done: u64, total: u64| phases.set(what, done, total);
    let options = store_options(config);
    let (findings, replaced) = if args.repair {
        folder::warn_of_owner(dir);
        match doctor::repair(dir, &options, args.accept_loss, &progress) {
            Ok(repaired) => (repaired.findings, repaired.replaced),
            Err(error) => {
                drop(phases);
                if let RepairError::WouldLose { findings, lost, .. } = &error {
                    print(args, dir, findings, None, lost)?;
                }
                return Err(unrepaired(error));
            }
        }
    } else {
        let (inspection, mut findings) = doctor::examine(dir, &options, &progress).map_err(unopened)?;
        if !config.node_share.is_divided() {
            findings.extend(doctor::unprovable(&inspection).map_err(unopened)?);
        }
        (findings, None)
    };
    drop(phases);
    print(args, dir, &findings, replaced.as_ref(), &[])?;
    verdict(&findings, replaced.as_ref())
}

fn print(
    args: &DoctorArgs,
    folder: &Path,
    findings: &[Finding],
    replaced: Option<&Replaced>,
    would_lose: &[Lost],
) -> Result<(), CliError> {
    let sentences = |lost: &[Lost]| lost.iter().map(ToString::to_string).collect::<Vec<_>>();
    if args.json {
        let replaced = replaced.map(|replaced| {
            let report = &replaced.report;
            json!({
                "put_aside": replaced.aside,
                "lost": sentences(&replaced.lost),
                "blocks": report.blocks,
                "aggregated_operations": report.aggregated_operations,
                "proofs": report.proofs,
                "aggregated_proofs": report.aggregated_proofs,
            })
        });
        let object = json!({
            "sound": is_sound(findings),
            "findings": findings,
            "repaired": replaced,
            "would_lose": sentences(would_lose),
        });
        return show(&object.to_string());
    }
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.extend(sentences(would_lose));
    if let Some(Replaced { aside, report, lost, .. }) = replaced {
        lines.extend(sentences(lost));
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
    show_lines(&lines.iter().map(|line| printable::line(line)).collect::<Vec<_>>().join("\n"))
}

fn verdict(findings: &[Finding], replaced: Option<&Replaced>) -> Result<(), CliError> {
    match replaced {
        Some(replaced) if replaced.lost.is_empty() && !replaced.is_unknown => Ok(()),
        Some(replaced) => Err(CliError::Findings(format!(
            "{} are lost; import the chain again, stored items are skipped",
            doctor::count(&replaced.lost, replaced.is_unknown)
        ))),
        None if is_sound(findings) => Ok(()),
        None => Err(CliError::Findings(
            "the folder is not sound; copy it, then run `doctor --repair`, or restore a copy of it"
                .to_owned(),
        )),
    }
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
        RepairError::NoGenesis | RepairError::WouldLose { .. } => CliError::Findings(error.to_string()),
        RepairError::Store(error) => unopened(error),
    }
}
