//! The check of the blobs: files, contents, and names in their folder.

use std::collections::BTreeSet;

use crate::store::durable::blob_label::BlobLabel;
use crate::store::durable::blob_ref::BlobRef;
use crate::store::durable::blobs::{Blobs, file_id};
use crate::store::error::StoreError;
use crate::store::recovery::finding::Finding;

/// Checks that every blob has its own file. Returns the ids of the files as well.
pub(crate) fn files(
    blobs: &Blobs,
    owned: &[(BlobLabel, BlobRef)],
) -> Result<(BTreeSet<u64>, Vec<Finding>), StoreError> {
    let mut ids = BTreeSet::new();
    let mut findings = Vec::new();
    for (label, blob) in owned {
        if blob.file_id().is_some_and(|id| !ids.insert(id)) {
            let what = "its file belongs to another record as well";
            findings.push(Finding::inconsistency(label.to_string(), what));
        }
        if blobs.is_missing(blob)? {
            findings.push(Finding::blob(*label, "its file is missing"));
        }
    }
    Ok((ids, findings))
}

/// Reads every blob, and compares the label of its file.
///
/// # Errors
/// If the system fails to read a file.
pub(crate) fn contents(blobs: &Blobs, owned: &[(BlobLabel, BlobRef)]) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for (label, blob) in owned {
        if blobs.is_missing(blob)? {
            continue;
        }
        match blobs.open_blob(blob).and_then(|reader| reader.bytes()) {
            Ok(_) => {
                if let Some(found) = blobs.label(blob)?.filter(|found| found != label) {
                    let what = format!("the label of its file is \"{found}\"");
                    findings.push(Finding::inconsistency(label.to_string(), what));
                }
            }
            Err(error) => findings.push(Finding::blob(*label, error.damage()?)),
        }
    }
    Ok(findings)
}

/// Finds files that no record owns.
pub(crate) fn names(blobs: &Blobs, owned: &[(BlobLabel, BlobRef)]) -> Result<Vec<Finding>, StoreError> {
    let owned: BTreeSet<u64> = owned.iter().filter_map(|(_, blob)| blob.file_id()).collect();
    let mut findings = Vec::new();
    for (name, _) in blobs.names().map_err(StoreError::io("listing the blob files"))? {
        let place = format!("blobs/{name}");
        match file_id(&name) {
            Some(id) if owned.contains(&id) => {}
            Some(_) => findings.push(Finding::left_over(place, "it has no owner")),
            None if name.ends_with(".tmp") => {
                findings.push(Finding::left_over(place, "it was not finished"));
            }
            None => findings.push(Finding::foreign(place)),
        }
    }
    Ok(findings)
}

/// Checks the blob files of a folder without a readable kv, so that their owners are unknown.
pub(crate) fn without_owners(blobs: &Blobs) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for (name, path) in blobs.names().map_err(StoreError::io("listing the blob files"))? {
        let place = format!("blobs/{name}");
        if file_id(&name).is_none() {
            findings.push(Finding::foreign(place));
        } else if let Err(error) = blobs.file_ref(&name, &path).and_then(|(_, blob)| blobs.salvage(&blob)) {
            findings.push(Finding::damage(place, error.damage()?));
        }
    }
    Ok(findings)
}
