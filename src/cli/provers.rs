//! `provers`: who works, and on what.

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::source::{Source, now_ms};
use super::table::{Table, age, entries, text};
use super::{CliError, TargetArgs, show};
use crate::{
    api::{paths, views::PAGE},
    config::Config,
    report,
};

/// Arguments of `provers`.
#[derive(Debug, Args)]
pub struct ProversArgs {
    /// What to look at; a stopped folder knows the holders of jobs only
    #[command(flatten)]
    pub target: TargetArgs,
    /// Only those with a name behind this one
    #[arg(long, value_name = "NAME")]
    pub after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = PAGE as u32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print the JSON of the API
    #[arg(long)]
    pub json: bool,
}

/// Lists the provers.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &ProversArgs, config: &Config) -> Result<(), CliError> {
    let source = Source::open(&args.target, config)?;
    let ProversArgs { after, limit, .. } = args;
    let mut route = format!("{}?limit={limit}", paths::PROVERS);
    if let Some(after) = after {
        route.push_str(&format!("&after={}", utf8_percent_encode(after, NON_ALPHANUMERIC)));
    }
    let page = source.read(&route, |store| Ok(report::holders(store, after.as_deref(), *limit as usize)))?;
    if args.json {
        return show(&page.to_string());
    }
    let mut out = table(entries(&page, "provers"), now_ms()).show("no provers seen");
    if let Some(next) = page.get("next").filter(|next| !next.is_null()) {
        out.push_str(&format!("more: --after {}\n", text(next)));
    }
    show(&out)
}

/// Provers as a table.
pub fn table(provers: &[Value], now_ms: u64) -> Table {
    let mut table = Table::new(&["prover", "last seen", "jobs", "proofs", "rejected"]);
    for prover in provers {
        let jobs: Vec<String> = entries(prover, "jobs").iter().map(text).collect();
        table.row(vec![
            text(&prover["name"]),
            age(&prover["last_seen_ms"], now_ms),
            match prover["held"].as_u64() {
                Some(held) if held > jobs.len() as u64 => format!("{},… ({held})", jobs.join(",")),
                _ if jobs.is_empty() => text(&Value::Null),
                _ => jobs.join(","),
            },
            text(&prover["proofs"]),
            text(&prover["rejected"]),
        ]);
    }
    table
}
