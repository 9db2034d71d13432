//! Values of the columns of a row.

use std::error::Error;

use chrono::{DateTime, Utc};
use num_bigint::BigUint;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type, accepts};

use super::error::{LinkError, causes};

/// The columns of a row of a table.
pub(super) struct Columns<'a> {
    /// Name of the table, for errors.
    pub table: &'static str,
    pub row: &'a Row,
}

impl<'a> Columns<'a> {
    /// Returns a value of a type that the client reads.
    pub(super) fn get<T: FromSql<'a>>(&self, column: &'static str) -> Result<T, LinkError> {
        self.row.try_get(column).map_err(|error| self.unusable(column, causes(&error)))
    }

    /// Returns a `bigint` or `integer` as another type of integer.
    pub(super) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, LinkError> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|_| self.unusable(column, format!("{number} is out of range")))
    }

    /// Returns a `bigint` as another type of integer, or `None` for null.
    pub(super) fn optional_number<T: TryFrom<i64>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, LinkError> {
        match self.get::<Option<i64>>(column)? {
            None => Ok(None),
            Some(_) => self.number(column).map(Some),
        }
    }

    /// Returns a `bytea` of exactly `N` bytes.
    pub(super) fn bytes<const N: usize>(&self, column: &'static str) -> Result<[u8; N], LinkError> {
        let bytes: &[u8] = self.get(column)?;
        bytes.try_into().map_err(|_| self.unusable(column, format!("{} bytes instead of {N}", bytes.len())))
    }

    /// Returns a `numeric`, selected as text, which has to be a whole number.
    pub(super) fn amount(&self, column: &'static str) -> Result<BigUint, LinkError> {
        let text: &str = self.get(column)?;
        whole_number(text).ok_or_else(|| self.unusable(column, format!("{text} is not a whole number")))
    }

    /// Returns a `numeric`, selected as text, which has to be a whole number of at most 128 bits.
    pub(super) fn balance(&self, column: &'static str) -> Result<u128, LinkError> {
        let amount = self.amount(column)?;
        u128::try_from(&amount).map_err(|error| self.unusable(column, error))
    }

    /// Returns a `jsonb`, selected as text: numbers keep all their digits.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, LinkError> {
        let text: &str = self.get(column)?;
        serde_json::from_str(text).map_err(|error| self.unusable(column, error))
    }

    /// Returns a `timestamptz`; `infinity` and times that no calendar has are errors.
    pub(super) fn time(&self, column: &'static str) -> Result<DateTime<Utc>, LinkError> {
        let Microseconds(since_epoch) = self.get(column)?;
        let time = since_epoch.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
        time.ok_or_else(|| self.unusable(column, "it is not a time"))
    }

    /// Returns the error for a value that cannot be used.
    pub(super) fn unusable(&self, column: &str, cause: impl ToString) -> LinkError {
        LinkError::row(format!("{}.{column}", self.table), cause)
    }
}

/// The epoch of the database, 2000-01-01, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// A time as the database sends it: microseconds since its epoch.
struct Microseconds(i64);

impl<'a> FromSql<'a> for Microseconds {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        i64::from_sql(of, raw).map(Self)
    }

    accepts!(TIMESTAMP, TIMESTAMPTZ);
}

/// Parses the digits of a `numeric` without a sign; zeros after a point count as no fraction.
fn whole_number(text: &str) -> Option<BigUint> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    (is_whole && is_number).then(|| BigUint::parse_bytes(digits.as_bytes(), 10)).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_digit_by_digit() {
        let largest = u128::MAX.to_string();
        assert_eq!(whole_number(&largest), Some(BigUint::from(u128::MAX)));
        assert_eq!(whole_number("9007199254740993"), Some(BigUint::from(9_007_199_254_740_993_u64)));
        assert_eq!(whole_number("10.00"), Some(BigUint::from(10_u32)));
        for text in ["", "-1", "1.5", "1e3", "NaN", "Infinity", ".0"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
