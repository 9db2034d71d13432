//! A measured value with its bound.

use std::fmt;

use serde::Serialize;

/// The bound of a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The smallest value that keeps the bound.
    AtLeast(f64),
    /// The largest value that keeps the bound.
    AtMost(f64),
    /// The value has no bound; it is only reported.
    None,
}

/// A measured value.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Short, stable name for programs that read the JSON.
    pub name: &'static str,
    /// Description of the measurement.
    pub what: String,
    /// The baseline of a ratio; empty for a plain value.
    pub baseline: String,
    /// The measured value, in `unit`.
    pub value: f64,
    /// Unit of the value: `×` for a ratio.
    pub unit: &'static str,
    /// The bound that the value should keep.
    pub bound: Bound,
    /// The measured times with their spread.
    pub detail: String,
}

impl Figure {
    /// Returns true if the value keeps the bound.
    pub fn reached(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
            Bound::None => true,
        }
    }

    /// Returns the heading of the table.
    pub fn heading() -> String {
        format!("{:<74} {:>12} {:>12}     {}", "figure", "measured", "bound", "median [least … most]")
    }

    /// Returns the figure as JSON, with the field `reached`.
    pub fn json(&self) -> serde_json::Value {
        let mut json = serde_json::json!(self);
        json["reached"] = self.reached().into();
        json
    }
}

impl fmt::Display for Figure {
    /// Writes one line of the table.
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
