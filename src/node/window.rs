//! The newest blocks of this store, which the node can still revert
//! (`docs/protocol/09-node-database.md` §3).

use std::collections::VecDeque;

use crate::store::{ChainStore, StoreError};

/// Root and commitment of a block.
pub(super) type Mark = ([u8; 32], [u8; 32]);

/// The marks of the blocks above the last one that the node cannot revert, up to the newest one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The block before the first mark.
    floor: u32,
    marks: VecDeque<Mark>,
}

impl Window {
    /// Reads the window of a store; the node cannot revert the blocks up to `floor`.
    pub(super) fn read(chain: &ChainStore, floor: u32) -> Result<Self, StoreError> {
        let head = chain.head()?;
        let floor = floor.max(chain.base()?).min(head);
        let mark = |number| {
            let block = chain.block(number)?;
            let block = block.ok_or(StoreError::NotFound { what: format!("block {number}") })?;
            Ok((block.root, block.commitment))
        };
        let marks = (floor..head).map(|before| mark(before.saturating_add(1)));
        Ok(Self { floor, marks: marks.collect::<Result<_, StoreError>>()? })
    }

    /// Returns the block before the first mark.
    pub(super) fn floor(&self) -> u32 {
        self.floor
    }

    /// Returns the newest block.
    pub(super) fn head(&self) -> u32 {
        self.floor.saturating_add(u32::try_from(self.marks.len()).unwrap_or(u32::MAX))
    }

    /// Returns the number of marks.
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Returns a window with the newest marks only.
    pub(super) fn newest(&self, count: usize) -> Self {
        let left_out = self.marks.len().saturating_sub(count);
        let floor = self.floor.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
        Self { floor, marks: self.marks.range(left_out..).copied().collect() }
    }

    /// Adds the next block.
    pub(super) fn push(&mut self, mark: Mark) {
        self.marks.push_back(mark);
    }

    /// Removes the marks up to a block that the node cannot revert any more.
    pub(super) fn raise_floor(&mut self, floor: u32) {
        while self.floor < floor && self.marks.pop_front().is_some() {
            self.floor = self.floor.saturating_add(1);
        }
    }

    /// Returns the last block before the first one that `rows`, the blocks above the floor in the
    /// node's database, lack or have with another mark; `None` if they have all blocks of the
    /// window.
    pub(super) fn ancestor(&self, rows: &[(u32, Mark)]) -> Option<u32> {
        let numbers = (self.floor..).map(|before| before.saturating_add(1));
        let ours = numbers.zip(self.marks.iter().copied());
        let same = ours.zip(rows).take_while(|(ours, row)| ours == *row).count();
        let same = u32::try_from(same).unwrap_or(u32::MAX);
        (self.floor.saturating_add(same) < self.head()).then(|| self.floor.saturating_add(same))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mark(root: u8, commitment: u8) -> Mark {
        ([root; 32], [commitment; 32])
    }

    fn window() -> Window {
        Window { floor: 3, marks: (4..=7).map(|number| mark(number, number)).collect() }
    }

    fn rows(numbers: std::ops::RangeInclusive<u32>) -> Vec<(u32, Mark)> {
        numbers.map(|number| (number, mark(number as u8, number as u8))).collect()
    }

    #[test]
    fn a_changed_block_under_an_unchanged_one_is_noticed() {
        assert_eq!(window().ancestor(&rows(4..=7)), None);
        assert_eq!(window().ancestor(&rows(4..=6)), Some(6));
        assert_eq!(window().ancestor(&rows(5..=7)), Some(3));
        assert_eq!(window().ancestor(&[]), Some(3));
        for (changed, other) in [(5, mark(5, 0)), (5, mark(0, 5))] {
            let mut rows = rows(4..=7);
            rows[(changed - 4) as usize].1 = other;
            assert_eq!(window().ancestor(&rows), Some(changed - 1));
        }
        assert_eq!(Window::default().ancestor(&[]), None);
    }

    #[test]
    fn final_blocks_leave_the_window() {
        let mut window = window();
        window.raise_floor(5);
        assert_eq!((window.floor(), window.head()), (5, 7));
        window.push(mark(8, 8));
        assert_eq!(window.ancestor(&rows(6..=8)), None);
        let newest = window.newest(2);
        assert_eq!((newest.floor(), newest.head(), newest.len()), (6, 8, 2));
        assert_eq!(window.newest(9), window);
        window.raise_floor(20);
        assert_eq!((window.floor(), window.head()), (8, 8));
    }
}
