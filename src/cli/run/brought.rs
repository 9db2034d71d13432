//! What a chain folder brings in aggregated operations, and what is left to the run.

use crate::chain_folder::ChainFolder;
use crate::domain::{AggregatedAction, AggregatedOperation};

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// First and last blocks of the `CreateProofBlocks` operations.
    proofs: Vec<(u32, u32)>,
    /// Whether there are operations of layer 1 behind the proofs.
    pub layer_one: bool,
}

/// Which blocks are aggregated by operations of the folder.
#[derive(Debug, PartialEq, Eq)]
pub enum Aggregated {
    /// None.
    Nothing,
    /// Those up to this one, and the ones behind it not all.
    UpTo(u32),
    /// All.
    Everything,
}

impl Brought {
    /// Reads the operations; `None` when one of them cannot be read, which the import then says.
    pub fn by(chain: &ChainFolder) -> Option<Self> {
        let mut brought = Self::default();
        for file in chain.aggregated_operations() {
            let operation: AggregatedOperation = serde_json::from_slice(&file.read().ok()?).ok()?;
            brought.add(&operation);
        }
        Some(brought)
    }

    fn add(&mut self, operation: &AggregatedOperation) {
        let (first, last) = operation.block_range();
        match operation.action() {
            AggregatedAction::CommitBlocks => {}
            AggregatedAction::CreateProofBlocks => self.proofs.push((first.0, last.0)),
            AggregatedAction::PublishProofBlocksOnchain | AggregatedAction::ExecuteBlocks => {
                self.layer_one = true;
            }
        }
    }

    /// Which of the blocks `first` to `last` are aggregated.
    pub fn aggregated(&self, first: u32, last: u32) -> Aggregated {
        let mut ranges = self.proofs.clone();
        ranges.sort_unstable();
        let mut next = first;
        for (from, to) in &ranges {
            if *from <= next {
                next = next.max(to.saturating_add(1));
            }
        }
        match next > last {
            true => Aggregated::Everything,
            false if ranges.is_empty() => Aggregated::Nothing,
            false => Aggregated::UpTo(next.saturating_sub(1)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_up_to_the_first_gap() {
        let of =
            |proofs: &[(u32, u32)]| Brought { proofs: proofs.to_vec(), layer_one: false }.aggregated(1, 8);
        assert_eq!(of(&[]), Aggregated::Nothing);
        assert_eq!(of(&[(5, 8), (1, 4)]), Aggregated::Everything);
        assert_eq!(of(&[(1, 4), (6, 8)]), Aggregated::UpTo(4));
        assert_eq!(of(&[(5, 8)]), Aggregated::UpTo(0));
        assert_eq!(of(&[(1, 100)]), Aggregated::Everything);
    }
}
