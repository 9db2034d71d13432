//! Tables for people: aligned columns, numbers to the right, times as ages.

use std::fmt::Write as _;

use serde_json::Value;

/// What stands for an absent value.
const ABSENT: &str = "-";

/// A table in the making.
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// One row more.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, or a sentence if there is no row.
    pub fn show(&self, empty: &str) -> String {
        if self.rows.is_empty() {
            return format!("{empty}\n");
        }
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let shape = |column: usize, head: &str| {
            let width = cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
            let mut filled = cells(column).filter(|cell| *cell != ABSENT).peekable();
            let right =
                filled.peek().is_some() && filled.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit()));
            (width.max(head.chars().count()), right)
        };
        let shapes: Vec<(usize, bool)> =
            self.heads.iter().enumerate().map(|(column, head)| shape(column, head)).collect();
        let mut out = String::new();
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (cell, &(width, right)) in row.iter().zip(&shapes) {
                // Writing to a String cannot fail.
                let _ = match right {
                    true => write!(line, "{cell:>width$}  "),
                    false => write!(line, "{cell:width$}  "),
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A value of a field, `-` if it is absent.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => ABSENT.to_owned(),
        // Names come from outside: what would steer the terminal is not passed on.
        Value::String(text) => text.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
        other => other.to_string(),
    }
}

/// The age of a time of a field, such as `40 s`.
pub fn age(at_ms: &Value, now_ms: u64) -> String {
    at_ms.as_u64().map_or_else(|| ABSENT.to_owned(), |at| span(now_ms.saturating_sub(at)))
}

/// The span of a field, such as `3 min`.
pub fn span_of(ms: &Value) -> String {
    ms.as_u64().map_or_else(|| ABSENT.to_owned(), span)
}

/// A span of time for people.
pub fn span(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A range of blocks: `5`, or `1-4`.
pub fn range(first: &Value, last: &Value) -> String {
    if first == last { text(first) } else { format!("{}-{}", text(first), text(last)) }
}

/// The entries of a list in an answer.
pub fn entries<'a>(answer: &'a Value, list: &str) -> &'a [Value] {
    answer.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_go_to_the_right_and_absent_values_are_dashes() {
        let mut table = Table::new(&["id", "holder", "age"]);
        table.row(vec![text(&json!(7)), text(&json!("p\u{1b}[1m")), age(&json!(1_000), 41_000)]);
        table.row(vec![text(&json!(12)), text(&Value::Null), age(&Value::Null, 0)]);
        assert_eq!(table.show("none"), "id  holder   age\n 7  p?[1m   40 s\n12  -          -\n");
        assert_eq!(Table::new(&["id"]).show("no job"), "no job\n");
    }

    #[test]
    fn spans_are_short() {
        let spans = [0, 119_999, 120_000, 7_199_000, 7_200_000, 172_800_000].map(span);
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d"]);
        assert_eq!(range(&json!(1), &json!(4)), "1-4");
        assert_eq!(range(&json!(4), &json!(4)), "4");
    }
}
