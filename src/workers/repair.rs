//! Repair of a data folder: everything that can still be read and cannot be made again goes through the usual checks into a fresh
//! folder, which then takes the place of the old one. The old one is put aside, never removed.
//!
//! Witnesses, jobs and whatever else follows from blocks and proofs comes back when the server starts. Lost are the leases and
//! attempts of jobs, times of import, and, with the index, who published a proof and when. Job ids begin anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::doctor;
use super::progress::Progress;
use super::rebuild::{Rebuild, RebuildReport};
use crate::store::{
    BlobKind, BlobLabel, Finding, Inspection, KeptProof, Replacement, Salvage, Severity, Source, Store,
    StoreError, StoreOptions, is_data_folder,
};

/// Why a folder was not repaired; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// No copy of the genesis can be read.
    #[error(
        "no copy of the genesis can be read, so nothing can be built on it; the folder is as it was: restore a copy of it, or import the chain into a new one"
    )]
    NoGenesis,
    /// The folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a repair did.
#[derive(Debug)]
pub struct Repaired {
    /// What was found before.
    pub findings: Vec<Finding>,
    /// `None` when there was nothing to repair.
    pub replaced: Option<Replaced>,
}

/// The folder was replaced by a fresh one.
#[derive(Debug)]
pub struct Replaced {
    /// Where the old one is now.
    pub aside: PathBuf,
    /// What the new one holds.
    pub report: RebuildReport,
    /// What is known to have been there and is not in the new one, with the reason, one sentence each.
    pub lost: Vec<String>,
}

/// Checks a folder, and replaces it if it is not sound.
///
/// # Errors
/// See [`RepairError`].
pub fn repair(dir: &Path, options: &StoreOptions, progress: Progress<'_>) -> Result<Repaired, RepairError> {
    if !is_data_folder(dir) {
        return Err(StoreError::NotFound { what: format!("data folder {}", dir.display()) }.into());
    }
    let replacement = Replacement::begin(dir)?;
    let inspection = Inspection::open(dir, options.clone())?;
    let findings = doctor::check(&inspection, progress)?;
    if findings.iter().all(|finding| finding.severity == Severity::LeftOver) {
        return Ok(Repaired { findings, replaced: None });
    }
    let salvage = inspection.salvage()?;
    let fresh = Store::open(&replacement.fresh(), options.clone())?;
    let (report, lost) = fill(&fresh, &salvage, options.clock.wall_ms(), progress)?;
    // Without an index nobody knows that there was none.
    if !report.genesis && (!salvage.is_empty() || inspection.store().is_none()) {
        return Err(RepairError::NoGenesis);
    }
    let unsound = fresh.check_everything()?;
    if let Some(finding) = unsound.first() {
        return Err(StoreError::Corrupt { what: format!("the new folder is not sound ({finding})") }.into());
    }
    drop(fresh);
    let mut text = String::new();
    let lines = findings.iter().map(ToString::to_string).chain(lost.iter().cloned());
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    let aside = replacement.commit(&text)?;
    Ok(Repaired { findings, replaced: Some(Replaced { aside, report, lost }) })
}

/// Puts what is salvaged into the fresh store.
fn fill(
    fresh: &Store,
    salvage: &Salvage<'_>,
    now_ms: u64,
    progress: Progress<'_>,
) -> Result<(RebuildReport, Vec<String>), StoreError> {
    let mut filling = Filling { rebuild: Rebuild::new(fresh)?, salvage, lost: Vec::new() };
    let accounts = |done: usize, of: usize| progress("accounts", done as u64, of as u64);
    filling.each(BlobKind::Genesis, |rebuild, _, body| rebuild.genesis(&body, &accounts))?;
    let of = salvage.of_kind(BlobKind::Block).last().map_or(0, |(label, _)| label.last);
    filling.each(BlobKind::Block, |rebuild, source, body| {
        let number = source.label().first;
        progress("blocks", number.into(), of.into());
        rebuild.block(number, &body)
    })?;
    filling.each(BlobKind::AggregatedOperation, |rebuild, source, body| {
        let BlobLabel { first, last, .. } = source.label();
        rebuild.aggregated_operation(first, last, &body)
    })?;
    filling.each(BlobKind::SingleProof, |rebuild, source, body| {
        rebuild.proof(&kept_proof(now_ms, source, body))
    })?;
    filling.each(BlobKind::AggregatedProof, |rebuild, source, body| {
        rebuild.aggregated_proof(&kept_proof(now_ms, source, body))
    })?;
    let Filling { rebuild, lost, .. } = filling;
    let report = rebuild.finish()?;
    for rejected in &salvage.rejected {
        fresh.queue().reject(rejected.clone())?;
    }
    fresh.sync()?;
    Ok((report, lost))
}

fn kept_proof(now_ms: u64, source: &Source, json: Vec<u8>) -> KeptProof {
    let BlobLabel { first, last, .. } = source.label();
    // Only the index knows by whom and when; else it is as if it came now.
    let (prover, stored_at_ms) = source.published().unwrap_or_else(|| (None, now_ms));
    KeptProof { first, last, prover, stored_at_ms, json }
}

struct Filling<'a> {
    rebuild: Rebuild<'a>,
    salvage: &'a Salvage<'a>,
    lost: Vec<String>,
}

impl<'a> Filling<'a> {
    /// Puts every item of a kind: the first version that is taken, of operations each.
    fn each(
        &mut self,
        kind: BlobKind,
        put: impl Fn(&mut Rebuild<'a>, &Source, Vec<u8>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        for (label, versions) in self.salvage.of_kind(kind) {
            // Several operations may be about the same blocks; of anything else one version is the right one.
            let all = kind == BlobKind::AggregatedOperation;
            let mut lost = Vec::new();
            for version in versions {
                match self.version(version, &put)? {
                    Some(reason) => lost.push(format!("lost: {label}: {reason}")),
                    None if all => {}
                    None => {
                        lost.clear();
                        break;
                    }
                }
            }
            let shown = if all { lost.len() } else { 1 };
            self.lost.extend(lost.into_iter().take(shown));
        }
        Ok(())
    }

    /// Why the version is not stored now; `None` when it is.
    fn version(
        &mut self,
        version: &Source,
        put: impl Fn(&mut Rebuild<'a>, &Source, Vec<u8>) -> Result<bool, StoreError>,
    ) -> Result<Option<String>, StoreError> {
        let body = match self.salvage.read(version) {
            Ok(body) => body,
            Err(error) => return Ok(Some(reason_of(&error))),
        };
        if put(&mut self.rebuild, version, body)? {
            return Ok(None);
        }
        let reason = self.rebuild.report().not_taken.last().map(|not_taken| not_taken.reason.clone());
        Ok(Some(reason.unwrap_or_else(|| "it was not taken".into())))
    }
}

fn reason_of(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt { what } => what.clone(),
        error => error.to_string(),
    }
}
