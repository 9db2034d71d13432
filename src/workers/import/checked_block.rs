//! Blocks whose checks that need no store are made before the import: on all cores, for several
//! blocks at once.

use rayon::prelude::*;

use super::block;
use super::error::ImportError;
use crate::domain::ImportedBlock;
use crate::store::{Imported, Store};
use crate::witness::{SignatureCheck, check_signatures_of};

/// A parsed block with the outcomes of its signature checks.
pub(crate) struct CheckedBlock {
    imported: ImportedBlock,
    canonical: Vec<u8>,
    signatures: Vec<SignatureCheck>,
}

impl CheckedBlock {
    /// Parses the bodies of imports and checks the signatures of all blocks together.
    pub(crate) fn all(bodies: &[&[u8]]) -> Vec<Result<Self, ImportError>> {
        let parse = |body: &&[u8]| {
            let imported = block::parse(body)?;
            Ok((block::canonical(&imported)?, imported))
        };
        let parsed: Vec<Result<(Vec<u8>, ImportedBlock), ImportError>> =
            bodies.par_iter().map(parse).collect();
        let blocks: Vec<_> = parsed.iter().flatten().map(|(_, imported)| &imported.block).collect();
        let mut signatures = check_signatures_of(&blocks).into_iter();
        let checked = |parsed: Result<_, _>| {
            let (canonical, imported) = parsed?;
            Ok(Self { imported, canonical, signatures: signatures.next().unwrap_or_default() })
        };
        parsed.into_iter().map(checked).collect()
    }

    /// Returns the block in its stored form.
    pub(crate) fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Imports the block like [`import`](super::block).
    pub(crate) fn import(self, store: &Store) -> Result<(u32, Imported), ImportError> {
        block::put(store, &self.imported, &self.canonical, |_| self.signatures)
    }
}
