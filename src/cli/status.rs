//! `status`: progress of blocks, witnesses, jobs and proofs.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use super::error::CliError;
use super::flags;
use super::text_table::json_text;
use super::view_source::ViewSource;
use crate::{api::paths, api::views::Status, config::Config, report};

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct StatusArgs {
    /// Print the JSON of the API instead of lines
    #[arg(long)]
    pub json: bool,
}

/// Shows the status.
///
/// # Errors
/// Fails if the target cannot be read.
pub(crate) fn run(args: &StatusArgs, config: &Config) -> Result<(), CliError> {
    let text = |status: &Status| serde_json::to_value(status).as_ref().map(lines).unwrap_or_default();
    ViewSource::open(config)?.print(paths::STATUS, args.json, report::status, text)
}

/// Returns one aligned line for each value, `name.of.the.value  value`.
fn lines(status: &Value) -> String {
    let mut rows = Vec::new();
    flatten("", status, &mut rows);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:width$}  {value}");
    }
    out
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(part, value)| flatten(&below(part), value, rows)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&below(&index.to_string()), item, rows);
            }
        }
        value => rows.push((name.to_owned(), json_text(value))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_name_each_value() {
        let status =
            json!({"blocks": {"last": 8, "quarantined": [{"reason": "root\u{1b}[2J"}]}, "head": null});
        let expected = "blocks.last                  8\n\
                        blocks.quarantined.0.reason  root\\u001b[2J\n\
                        head                         -\n";
        assert_eq!(lines(&status), expected);
    }
}
