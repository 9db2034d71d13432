//! Tables in text: aligned columns, numbers to the right, times as ages.

use std::fmt::Display;

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use super::colour::{Tone, TonedText};
use crate::printable;

/// The text of an absent value.
const ABSENT: &str = "-";

/// A table to which rows are added.
pub(crate) struct TextTable {
    heads: Vec<&'static str>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl TextTable {
    /// Returns a table with these columns and no rows.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) -> &mut Self {
        self.rows.push(cells.into_iter().map(|cell| (Tone::Plain, cell)).collect());
        self
    }

    /// Sets the tone of a cell of the last row.
    pub(crate) fn tone(&mut self, head: &str, tone: Tone) -> &mut Self {
        let column = self.heads.iter().position(|name| *name == head);
        let row = self.rows.last_mut();
        if let Some(cell) = row.zip(column).and_then(|(row, column)| row.get_mut(column)) {
            cell.0 = tone;
        }
        self
    }

    /// Returns the lines of the table, or the line `empty` if it has no rows.
    pub(crate) fn show(&self, empty: &str) -> TonedText {
        if self.rows.is_empty() {
            return TonedText::from(format!("{empty}\n"));
        }
        let cells =
            |column: usize| self.rows.iter().filter_map(move |row| row.get(column)).map(|cell| &cell.1);
        let shape = |column: usize, head: &str| {
            let width = cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
            let mut filled = cells(column).filter(|cell| *cell != ABSENT).peekable();
            let right =
                filled.peek().is_some() && filled.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit()));
            (width.max(head.chars().count()), right)
        };
        let shapes: Vec<(usize, bool)> =
            self.heads.iter().enumerate().map(|(column, head)| shape(column, head)).collect();
        let heads = self.heads.iter().map(|head| (Tone::Plain, (*head).to_owned())).collect();
        let mut out = TonedText::default();
        for row in std::iter::once(&heads).chain(&self.rows) {
            // Spaces are written before the next cell, so that no line ends with any.
            let mut gap = 0;
            for ((tone, cell), &(width, right)) in row.iter().zip(&shapes) {
                let padding = width.saturating_sub(cell.chars().count());
                let (before, after) = if right { (padding, 0) } else { (0, padding) };
                gap += before;
                if !cell.is_empty() {
                    out.push(Tone::Plain, " ".repeat(gap));
                    out.push(*tone, cell);
                    gap = 0;
                }
                gap += after + 2;
            }
            out.push(Tone::Plain, "\n");
        }
        out
    }
}

/// Returns a value on one line, `-` if it is absent.
pub(crate) fn text(value: Option<impl Display>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| printable::line(&value.to_string()))
}

/// Returns a JSON value without quotes, `-` for null.
pub(crate) fn json_text(value: &Value) -> String {
    match value {
        Value::Null => text(None::<&str>),
        Value::String(string) => text(Some(string)),
        other => other.to_string(),
    }
}

/// Returns the age of a time, such as `40 s`.
pub(crate) fn age(at_ms: Option<u64>, now_ms: u64) -> String {
    text(at_ms.map(|at| span(now_ms.saturating_sub(at))))
}

/// Returns a time of the calendar.
pub(crate) fn time(at_ms: u64) -> String {
    let time = i64::try_from(at_ms).ok().and_then(DateTime::from_timestamp_millis);
    time.map_or_else(|| format!("{at_ms} ms"), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Returns a span of time in one unit.
pub(crate) fn span(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Returns a range of blocks: `5`, or `1-4`.
pub(crate) fn range(first: u32, last: u32) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Returns a page of a list: its table, and how to request the next page, if there is one.
pub(crate) fn page(table: &TextTable, empty: &str, flag: &str, next: Option<impl Display>) -> TonedText {
    let mut out = table.show(empty);
    if next.is_some() {
        out.push(Tone::Plain, format!("more: {flag} {}\n", text(next)));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_to_the_right_and_absent_values_are_dashes() {
        let mut table = TextTable::new(&["id", "holder", "age"]);
        table.row(vec![text(Some(7)), text(Some("p\u{1b}[1m")), age(Some(1_000), 41_000)]);
        table.row(vec![text(Some(12)), text(None::<&str>), age(None, 0)]).tone("id", Tone::Trouble);
        let shown = table.show("none");
        assert!(shown.written(true).ends_with("\n\u{1b}[31m12\u{1b}[0m  -              -\n"), "{shown:?}");
        let shown = shown.written(false);
        assert_eq!(shown, "id  holder       age\n 7  p\\u001b[1m  40 s\n12  -              -\n");
        assert_eq!(TextTable::new(&["id"]).show("no job").written(true), "no job\n");
    }

    #[test]
    fn spans_are_short() {
        let spans = [0, 119_999, 120_000, 7_199_000, 7_200_000, 172_800_000].map(span);
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d"]);
        assert_eq!(range(1, 4), "1-4");
        assert_eq!(range(4, 4), "4");
    }
}
