//! The aggregated operations of a chain folder, and the blocks that they leave to the run.

use std::path::{Path, PathBuf};

use crate::chain_folder::ChainFolder;
use crate::domain::{AggregatedAction, AggregatedOperation};

/// The aggregated operations of a chain folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FolderOperations {
    /// First and last blocks of the `CreateProofBlocks` operations.
    proofs: Vec<(u32, u32)>,
    /// The files of the operations that publish or execute.
    pub layer_one: Vec<PathBuf>,
}

/// The blocks that operations of the folder aggregate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// None.
    Nothing,
    /// The blocks up to this one; the next one is not covered.
    UpTo(u32),
    /// All.
    Everything,
}

impl FolderOperations {
    /// Reads the operations; `None` if one of them cannot be read, in which case the import fails
    /// later.
    pub(crate) fn read(chain: &ChainFolder) -> Option<Self> {
        let mut operations = Self::default();
        for file in chain.aggregated_operations() {
            let operation: AggregatedOperation = serde_json::from_slice(&file.read().ok()?).ok()?;
            operations.add(&operation, file.path());
        }
        Some(operations)
    }

    fn add(&mut self, operation: &AggregatedOperation, file: &Path) {
        let (first, last) = operation.block_range();
        match operation.action() {
            AggregatedAction::CommitBlocks => {}
            AggregatedAction::CreateProofBlocks => self.proofs.push((first.0, last.0)),
            AggregatedAction::PublishProofBlocksOnchain | AggregatedAction::ExecuteBlocks => {
                self.layer_one.push(file.to_owned());
            }
        }
    }

    /// Returns which of the blocks `first` to `last` are aggregated.
    pub(crate) fn coverage(&self, first: u32, last: u32) -> Coverage {
        let mut ranges = self.proofs.clone();
        ranges.sort_unstable();
        let mut next = first;
        for (from, to) in &ranges {
            if *from <= next {
                next = next.max(to.saturating_add(1));
            }
        }
        match next > last {
            true => Coverage::Everything,
            false if ranges.is_empty() => Coverage::Nothing,
            false => Coverage::UpTo(next.saturating_sub(1)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_up_to_the_first_gap() {
        let of = |proofs: &[(u32, u32)]| {
            FolderOperations { proofs: proofs.to_vec(), layer_one: Vec::new() }.coverage(1, 8)
        };
        assert_eq!(of(&[]), Coverage::Nothing);
        assert_eq!(of(&[(5, 8), (1, 4)]), Coverage::Everything);
        assert_eq!(of(&[(1, 4), (6, 8)]), Coverage::UpTo(4));
        assert_eq!(of(&[(5, 8)]), Coverage::UpTo(0));
        assert_eq!(of(&[(1, 100)]), Coverage::Everything);
    }
}
