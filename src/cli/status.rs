//! `status`: how far blocks, witnesses, jobs and proofs are.

use std::{fmt::Write as _, path::Path};

use clap::Args;
use serde_json::Value;

use super::table::text;
use super::{CliError, Target, TargetArgs, client, folder, runtime, show};
use crate::{api::paths, config::Config, report};

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// What to look at
    #[command(flatten)]
    pub target: TargetArgs,
    /// Print the JSON of the status route instead of lines for people
    #[arg(long)]
    pub json: bool,
}

/// Shows the status.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &StatusArgs, config: &Config) -> Result<(), CliError> {
    let status = match args.target.resolve(config)? {
        Target::Folder(folder) => of_folder(&folder, config)?,
        Target::Server(url) => {
            let client = client(config, &url)?;
            let body = runtime()?.block_on(client.get(paths::STATUS))?.success()?;
            serde_json::from_slice(&body).map_err(|error| {
                CliError::Failed(format!(
                    "the status of {url} is not JSON: {error}; check that the URL is right"
                ))
            })?
        }
    };
    if args.json { show(&status.to_string()) } else { show(&lines(&status)) }
}

fn of_folder(folder: &Path, config: &Config) -> Result<Value, CliError> {
    let status = report::status(&*folder::open_existing(config, folder)?)?;
    serde_json::to_value(status)
        .map_err(|error| CliError::Failed(format!("the status cannot be shown: {error}")))
}

/// One line a value, `name.of.the.value  value`, aligned.
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
        value => rows.push((name.to_owned(), text(value))),
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
                        blocks.quarantined.0.reason  root?[2J\n\
                        head                         -\n";
        assert_eq!(lines(&status), expected);
    }
}
