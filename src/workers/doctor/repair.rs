//! Repair of a data folder: every readable durable record passes its checks again and is stored in
//! a fresh folder, which then replaces the old one. The old folder is kept.
//!
//! The server derives witnesses, jobs and everything else at its next start. Leases and attempts of
//! jobs and the times of imports are lost and, if the kv is lost, so are prover and time of each
//! proof. Job ids start from 1 again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::check;
use super::lost::{self, Lost};
use crate::store::{
    BlobLabel, DurableKind, Finding, Inspection, Replacement, Salvage, Severity, Source, Store, StoreError,
    StoreOptions, check_data_folder, wait_until_closed,
};
use crate::workers::progress::Progress;
use crate::workers::rebuild::Rebuild;
use crate::workers::rebuild_item::RebuildItem;
use crate::workers::rebuild_report::RebuildReport;

/// The reason why a folder was not repaired. It is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// No copy of the genesis can be read.
    #[error(
        "no copy of the genesis can be read, so nothing can be rebuilt; the folder is unchanged: restore a copy of it, or import the chain into a new one"
    )]
    NoGenesis,
    /// The fresh folder would lack records that are known to have been stored, or it is unknown which
    /// ones were.
    #[error(
        "the repair would lose {}; nothing was changed: restore a backup, or give them up with `doctor --repair --accept-loss`",
        lost::count(lost, *is_unknown)
    )]
    WouldLose {
        /// True if it is unknown which records were stored: neither kv nor journal tell.
        is_unknown: bool,
        /// The findings of the check.
        findings: Vec<Finding>,
        /// The records that would be lost.
        lost: Vec<Lost>,
    },
    /// The folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The outcome of a repair.
#[derive(Debug)]
pub struct Repaired {
    /// The findings before the repair.
    pub findings: Vec<Finding>,
    /// `None` if the folder was sound.
    pub replaced: Option<Replaced>,
}

/// The replacement of a folder by a fresh one.
#[derive(Debug)]
pub struct Replaced {
    /// The path of the old folder.
    pub aside: PathBuf,
    /// The content of the fresh folder.
    pub report: RebuildReport,
    /// Known records that the fresh folder lacks.
    pub lost: Vec<Lost>,
    /// True if nothing tells which records there were, so that more may be lost.
    pub is_unknown: bool,
}

/// Opens a data folder and checks it. If the check finds faults, it is made a second time on a new
/// copy: data that the system sometimes fails to read is not damaged, and sled may hide such an
/// error, because it takes it for the end of its log.
///
/// # Errors
/// [`StoreError::Unsteady`] if the two checks differ; also every other error that is not damage.
pub(crate) fn examine(
    dir: &Path,
    options: &StoreOptions,
    progress: Progress<'_>,
) -> Result<(Inspection, Vec<Finding>), StoreError> {
    let once = || -> Result<_, StoreError> {
        let inspection = Inspection::open(dir, options.clone())?;
        let findings = check::check(&inspection, progress)?;
        Ok((inspection, findings))
    };
    let (inspection, findings) = once()?;
    if is_sound(&findings) {
        return Ok((inspection, findings));
    }
    drop(inspection);
    let (inspection, second) = once()?;
    // The texts may name the folder of the copy.
    let same = |(a, b): (&Finding, &Finding)| (a.severity, &a.place) == (b.severity, &b.place);
    if findings.len() != second.len() || !findings.iter().zip(&second).all(same) {
        return Err(StoreError::Unsteady { dir: dir.into() });
    }
    Ok((inspection, second))
}

/// Returns true if the findings are only left-over files, which do no harm.
pub(crate) fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity == Severity::LeftOver)
}

/// Checks a folder, and replaces it if the check finds damage. Before that, the fresh folder is
/// read back and compared with everything that could be read of the old one.
///
/// # Errors
/// [`RepairError::WouldLose`] if a known record would be missing, or if nothing tells which records
/// there were, unless `accept_loss` is set. With any error, the folder is unchanged, or the next
/// start completes the replacement.
pub fn repair(
    dir: &Path,
    options: &StoreOptions,
    accept_loss: bool,
    progress: Progress<'_>,
) -> Result<Repaired, RepairError> {
    check_data_folder(dir)?;
    let replacement = Replacement::begin(dir)?;
    let (inspection, findings) = examine(dir, options, progress)?;
    if is_sound(&findings) {
        return Ok(Repaired { findings, replaced: None });
    }
    let salvage = inspection.salvage()?;
    let fresh = Store::open(&replacement.fresh(), options.clone())?;
    let (report, lost) = fill(&fresh, &salvage, options.clock.wall_ms(), progress)?;
    // Without a kv it is unknown whether the folder had a genesis.
    if !report.genesis && (!salvage.is_empty() || inspection.store().is_none()) {
        return Err(RepairError::NoGenesis);
    }
    drop(fresh);
    wait_until_closed(&replacement.fresh())?;
    // Opened again, so that it is read from its files and not from memory.
    let fresh = Store::open(&replacement.fresh(), options.clone())?;
    let unsound = fresh.check_everything()?;
    if let Some(finding) = unsound.first() {
        return Err(StoreError::Corrupt { what: format!("the new folder is not sound ({finding})") }.into());
    }
    lost::prove(&fresh, &salvage, &lost)?;
    drop(fresh);
    wait_until_closed(&replacement.fresh())?;
    let is_unknown = !inspection.knows_every_record()?;
    if (is_unknown || !lost.is_empty()) && !accept_loss {
        return Err(RepairError::WouldLose { is_unknown, findings, lost });
    }
    let mut text = String::new();
    let lines = findings.iter().map(ToString::to_string).chain(lost.iter().map(ToString::to_string));
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    let aside = replacement.commit(&text)?;
    Ok(Repaired { findings, replaced: Some(Replaced { aside, report, lost, is_unknown }) })
}

/// Stores the salvaged records in the fresh store.
fn fill(
    fresh: &Store,
    salvage: &Salvage<'_>,
    now_ms: u64,
    progress: Progress<'_>,
) -> Result<(RebuildReport, Vec<Lost>), StoreError> {
    let blocks = salvage.of_kind(DurableKind::Block).last().map_or(0, |(label, _)| label.last);
    let mut filling = Filling { rebuild: Rebuild::new(fresh)?, salvage, blocks, progress, lost: Vec::new() };
    for kind in DurableKind::ALL {
        filling.store_all(kind, now_ms)?;
    }
    let Filling { rebuild, lost, .. } = filling;
    let report = rebuild.finish()?;
    for rejected in &salvage.rejected {
        fresh.queue().reject(rejected.clone())?;
    }
    fresh.sync()?;
    Ok((report, lost))
}

struct Filling<'a> {
    rebuild: Rebuild<'a>,
    salvage: &'a Salvage<'a>,
    /// The last block, for the progress.
    blocks: u32,
    progress: Progress<'a>,
    lost: Vec<Lost>,
}

impl Filling<'_> {
    /// Stores every record of a kind: the first version that passes its checks, or all versions of
    /// operations.
    fn store_all(&mut self, kind: DurableKind, now_ms: u64) -> Result<(), StoreError> {
        for (label, versions) in self.salvage.of_kind(kind) {
            // Several operations may be about the same blocks. Of other records, one version is the
            // right one.
            let all = kind == DurableKind::AggregatedOperation;
            if kind == DurableKind::Block {
                (self.progress)("blocks", label.first.into(), self.blocks.into());
            }
            let mut lost = Vec::new();
            for version in versions {
                match self.store(kind, version, now_ms)? {
                    Some(reason) => lost.push(Lost { label, reason }),
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

    /// Stores a version. Returns the reason if it cannot be stored.
    fn store(
        &mut self,
        kind: DurableKind,
        version: &Source,
        now_ms: u64,
    ) -> Result<Option<String>, StoreError> {
        let content = match self.salvage.read(version) {
            Ok(content) => content,
            Err(error) => return error.damage().map(Some),
        };
        let BlobLabel { first, last, .. } = version.label();
        // Only the kv has prover and time of a proof.
        let (prover, stored_at_ms) = version.published().unwrap_or((None, now_ms));
        let item = RebuildItem { kind, first, last, prover, stored_at_ms, content };
        if self.rebuild.put(item.into(), self.progress)? {
            return Ok(None);
        }
        let reason = self.rebuild.report().omitted.last().map(|omitted| omitted.reason.clone());
        Ok(Some(reason.unwrap_or_else(|| "it was omitted".into())))
    }
}
