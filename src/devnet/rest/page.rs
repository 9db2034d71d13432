//! Pages of lists.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::RestError;
use crate::devnet::wire::TxHashArgument;
use crate::domain::H256;

/// Largest number of items of a page.
const MAX_LIMIT: u32 = 100;

const LATEST: &str = "latest";

/// The order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    /// Ascending.
    Newer,
    /// Descending.
    Older,
}

/// The requested page.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Identifier of the first item, or `latest`.
    from: String,
    /// Largest number of items, up to 100.
    #[param(value_type = u32, minimum = 1, maximum = 100)]
    limit: NonZeroU32,
    /// Ascending (`newer`) or descending (`older`).
    #[param(inline)]
    direction: Direction,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    list: Vec<T>,
    pagination: Pagination,
}

/// The position of a page in its list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pagination {
    /// Identifier of the first item.
    from: Cursor,
    limit: u32,
    direction: Direction,
    /// Number of all items.
    count: u64,
}

/// An identifier of an item.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Cursor {
    /// A number.
    Number(u64),
    /// The hash of a transaction.
    Hash(String),
}

impl PageQuery {
    /// Returns the page of a list whose items have the ascending numbers that `items` returns with
    /// them for a range of numbers. `latest` is the largest number, `count` the number of items.
    pub(super) fn by_number<T, I>(
        self,
        latest: u64,
        count: u64,
        items: impl FnOnce(RangeInclusive<u64>) -> I,
    ) -> Result<Page<T>, RestError>
    where
        I: DoubleEndedIterator<Item = T>,
    {
        self.check_limit()?;
        let from = match self.from.as_str() {
            LATEST => latest,
            number => number.parse::<u32>().map(u64::from).map_err(|_| RestError::page_start(number))?,
        };
        let limit = self.limit.get() as usize;
        let list = match self.direction {
            Direction::Newer => items(from..=u64::MAX).take(limit).collect(),
            Direction::Older => items(0..=from).rev().take(limit).collect(),
        };
        Ok(self.page(list, Cursor::Number(from), count))
    }

    /// Returns the page of a list of transactions.
    pub(super) fn by_hash<T>(
        self,
        hashes: &[H256],
        mut show: impl FnMut(&H256) -> Option<T>,
    ) -> Result<Page<T>, RestError> {
        self.check_limit()?;
        let from = match self.from.as_str() {
            LATEST => hashes.last().copied(),
            text => {
                let hash = text.parse::<TxHashArgument>().map_err(|_| RestError::page_start(text))?;
                Some(hash.0)
            }
        };
        let Some(from) = from else {
            return Ok(self.page(Vec::new(), Cursor::Hash(H256::default().to_string()), 0));
        };
        let at = hashes.iter().position(|hash| *hash == from).ok_or_else(RestError::transaction_not_found)?;
        let limit = self.limit.get() as usize;
        let list = match self.direction {
            Direction::Newer => hashes[at..].iter().take(limit).filter_map(&mut show).collect(),
            Direction::Older => hashes[..=at].iter().rev().take(limit).filter_map(&mut show).collect(),
        };
        Ok(self.page(list, Cursor::Hash(from.to_string()), hashes.len() as u64))
    }

    fn check_limit(&self) -> Result<(), RestError> {
        if self.limit.get() > MAX_LIMIT { Err(RestError::page_limit()) } else { Ok(()) }
    }

    fn page<T>(self, list: Vec<T>, from: Cursor, count: u64) -> Page<T> {
        let Self { limit, direction, .. } = self;
        Page { list, pagination: Pagination { from, limit: limit.get(), direction, count } }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn query(from: &str, limit: u32, direction: Direction) -> PageQuery {
        PageQuery { from: from.to_owned(), limit: NonZeroU32::new(limit).unwrap(), direction }
    }

    fn numbers(from: &str, limit: u32, direction: Direction) -> Result<Vec<u64>, u32> {
        let items = |range: RangeInclusive<u64>| (1..=9u64).filter(move |number| range.contains(number));
        let page = query(from, limit, direction).by_number(9, 9, items);
        page.map(|page| page.list).map_err(|error| error.code)
    }

    #[test]
    fn numbered_items_are_paged_from_the_given_one() {
        assert_eq!(numbers("3", 2, Direction::Newer), Ok(vec![3, 4]));
        assert_eq!(numbers("3", 2, Direction::Older), Ok(vec![3, 2]));
        assert_eq!(numbers("latest", 2, Direction::Older), Ok(vec![9, 8]));
        assert_eq!(numbers("latest", 2, Direction::Newer), Ok(vec![9]));
        assert_eq!(numbers("20", 2, Direction::Older), Ok(vec![9, 8]));
        assert_eq!(numbers("20", 2, Direction::Newer), Ok(vec![]));
        assert_eq!(numbers("3", 101, Direction::Newer), Err(206));
        for from in ["", "x", "-1", "Latest", "4294967296"] {
            assert_eq!(numbers(from, 2, Direction::Newer), Err(207), "{from}");
        }
    }

    #[test]
    fn transactions_are_paged_from_the_given_one() {
        let hashes: Vec<H256> = (1..=5).map(|byte| H256([byte; 32])).collect();
        let page = |from: &str, limit, direction| {
            let page = query(from, limit, direction).by_hash(&hashes, |hash| Some(hash.0[0]));
            page.map(|page| page.list).map_err(|error| error.code)
        };
        let third = format!("sync-tx:{}", "03".repeat(32));
        assert_eq!(page(&third, 2, Direction::Newer), Ok(vec![3, 4]));
        assert_eq!(page(&third, 9, Direction::Older), Ok(vec![3, 2, 1]));
        assert_eq!(page("latest", 1, Direction::Older), Ok(vec![5]));
        assert_eq!(page(&format!("0x{}", "09".repeat(32)), 1, Direction::Older), Err(205));
        assert_eq!(page("7", 1, Direction::Older), Err(207));
        assert_eq!(page("latest", 101, Direction::Older), Err(206));

        let nothing = query("latest", 1, Direction::Older).by_hash(&[], |_| Some(0)).unwrap();
        let shown = serde_json::to_value(&nothing.pagination).unwrap();
        assert_eq!(shown["from"], format!("0x{}", "00".repeat(32)));
        assert_eq!(shown["count"], 0);
    }
}
