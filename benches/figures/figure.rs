//! A measured value with the bound it is held against.

use std::fmt;

use serde::Serialize;

/// What a value is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// It should be at least so much.
    AtLeast(f64),
    /// It should be at most so much.
    AtMost(f64),
    /// It is only told.
    None,
}

/// A measured value.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Short name, stable for machines.
    pub name: &'static str,
    /// What was measured.
    pub what: String,
    /// What it is a ratio to; empty for a plain value.
    pub baseline: String,
    /// The value.
    pub value: f64,
    /// Its unit: `×` for a ratio.
    pub unit: &'static str,
    /// The bound.
    pub bound: Bound,
    /// The times behind it, with their spread.
    pub detail: String,
}

impl Figure {
    /// Whether the value keeps the bound.
    pub fn reached(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
            Bound::None => true,
        }
    }

    /// The heading of the lines of a table.
    pub fn heading() -> String {
        format!("{:<74} {:>12} {:>12}     {}", "figure", "measured", "asked", "median [least … most]")
    }

    /// The figure as JSON with `reached`.
    pub fn json(&self) -> serde_json::Value {
        let mut json = serde_json::json!(self);
        json["reached"] = self.reached().into();
        json
    }
}

impl fmt::Display for Figure {
    /// One line of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        let number = |value: f64| match value {
            large if large >= 100.0 => format!("{large:.0} {unit}"),
            medium if medium >= 10.0 => format!("{medium:.1} {unit}"),
            small => format!("{small:.2} {unit}"),
        };
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("≥ {}", number(least)),
            Bound::AtMost(most) => format!("≤ {}", number(most)),
            Bound::None => String::new(),
        };
        let what = match self.baseline.as_str() {
            "" => self.what.clone(),
            baseline => format!("{} : {baseline}", self.what),
        };
        let mark = if self.reached() { " " } else { "✗" };
        write!(f, "{what:<74} {:>12} {bound:>12}  {mark}  {}", number(self.value), self.detail)
    }
}

#[cfg(test)]
#[allow(unused_imports, dead_code, reason = "a benchmark has no test harness; tests/ runs these")]
mod tests {
    use super::*;

    fn figure(value: f64, bound: Bound) -> Figure {
        let text = String::new();
        Figure { name: "n", what: "w".into(), baseline: text.clone(), value, unit: "×", bound, detail: text }
    }

    #[test]
    fn a_bound_is_kept_from_its_side_only() {
        assert!(figure(2.0, Bound::AtLeast(2.0)).reached() && !figure(1.9, Bound::AtLeast(2.0)).reached());
        assert!(figure(2.0, Bound::AtMost(2.0)).reached() && !figure(2.1, Bound::AtMost(2.0)).reached());
        assert!(figure(9.9, Bound::None).reached());
        let line = figure(1.9, Bound::AtLeast(2.0)).to_string();
        assert!(line.contains("1.90 ×") && line.contains("≥ 2.00 ×") && line.contains('✗'), "{line}");
        assert_eq!(figure(2.1, Bound::AtMost(2.0)).json()["reached"], false);
    }
}
