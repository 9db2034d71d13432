//! Blocks that are parsed, and whose signatures are checked, before their import: several at once,
//! on all cores.

use rayon::prelude::*;

use super::block;
use super::error::ImportError;
use crate::domain::{Block, ImportedBlock};
use crate::store::{Imported, Store};
use crate::witness::{SignatureCheck, check_signatures_of};

/// A parsed block with the outcomes of its signature checks.
pub(crate) struct CheckedBlock {
    imported: ImportedBlock,
    /// True if the body is the form in which the block is stored.
    is_canonical: bool,
    signatures: Vec<SignatureCheck>,
}

impl CheckedBlock {
    /// Parses the body of an import and checks the signatures.
    pub(crate) fn new(body: &[u8]) -> Result<Self, ImportError> {
        let mut checked = Self::parse(body)?;
        check_all(std::iter::once(&mut checked));
        Ok(checked)
    }

    /// Returns [`CheckedBlock::new`] of each body; the signatures of all blocks are checked together.
    pub(crate) fn all(bodies: &[&[u8]]) -> Vec<Result<Self, ImportError>> {
        let mut checked: Vec<_> = bodies.par_iter().map(|body| Self::parse(body)).collect();
        check_all(checked.iter_mut().flatten());
        checked
    }

    fn parse(body: &[u8]) -> Result<Self, ImportError> {
        let imported = block::parse(body)?;
        let is_canonical = block::canonical(&imported)? == body;
        Ok(Self { imported, is_canonical, signatures: Vec::new() })
    }

    /// Returns true if the body is the form in which the block is stored.
    pub(crate) fn is_canonical(&self) -> bool {
        self.is_canonical
    }

    /// Imports the block like [`block::import`], with its stored form.
    pub(crate) fn import(self, store: &Store, canonical: &[u8]) -> Result<(u32, Imported), ImportError> {
        block::put(store, &self.imported, canonical, |_| self.signatures)
    }
}

fn check_all<'a>(checked: impl Iterator<Item = &'a mut CheckedBlock>) {
    let mut checked: Vec<&mut CheckedBlock> = checked.collect();
    let blocks: Vec<&Block> = checked.iter().map(|checked| &checked.imported.block).collect();
    let signatures = check_signatures_of(&blocks);
    for (checked, signatures) in checked.iter_mut().zip(signatures) {
        checked.signatures = signatures;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;
    use crate::witness::check_signatures;

    #[test]
    fn each_block_has_its_own_outcomes_beside_bodies_that_are_refused() {
        let mut chain = Chain::with_accounts(8, 4);
        let blocks: Vec<ImportedBlock> =
            (1..=3).map(|transfers| chain.next_block_of(2 * transfers, transfers)).collect();
        let bodies: Vec<Vec<u8>> = blocks.iter().map(|block| serde_json::to_vec(block).unwrap()).collect();
        let spaced = [b" ", &bodies[1][..]].concat();
        let checked = CheckedBlock::all(&[&bodies[0], b"{", &spaced, &bodies[2]]);
        assert!(matches!(checked[1], Err(ImportError::Json { .. })));
        for (checked, (block, is_canonical)) in
            checked.iter().flatten().zip([(&blocks[0], true), (&blocks[1], false), (&blocks[2], true)])
        {
            assert_eq!(checked.signatures, check_signatures(&block.block));
            assert_eq!(checked.is_canonical(), is_canonical);
        }
        assert_eq!(CheckedBlock::new(&bodies[2]).unwrap().signatures.len(), 3);
    }
}
