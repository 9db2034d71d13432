//! `blocks`: how far each block is, and another try for one that does not go on.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::source::{Source, now_ms};
use super::table::{Table, age, entries, range, text};
use super::{CliError, TargetArgs, show};
use crate::{
    api::{paths, views::Order},
    config::Config,
    report,
};

/// Arguments of `blocks`.
#[derive(Debug, Args)]
pub struct BlocksArgs {
    /// What to look at
    #[command(flatten)]
    pub target: TargetArgs,
    /// The oldest first; without it the newest
    #[arg(long)]
    pub oldest: bool,
    /// Only blocks after this one
    #[arg(long, value_name = "N")]
    pub after: Option<u32>,
    /// Only blocks before this one
    #[arg(long, value_name = "N")]
    pub before: Option<u32>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print the JSON of the API
    #[arg(long)]
    pub json: bool,
    /// What to do with a block
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do with a block.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Try a block again that is quarantined, or whose job was dropped
    Retry {
        /// The block's number
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        number: u32,
    },
}

/// Lists blocks, or tries one again.
///
/// # Errors
/// See [`CliError`].
pub fn run(args: &BlocksArgs, config: &Config) -> Result<(), CliError> {
    let BlocksArgs { oldest, after, before, limit, .. } = args;
    let source = Source::open(&args.target, config)?;
    if let Some(Action::Retry { number }) = args.action {
        return retry(&source, number);
    }
    let (order, name, go_on) = match oldest {
        true => (Order::Asc, "asc", "--after"),
        false => (Order::Desc, "desc", "--before"),
    };
    let mut route = format!("{}?order={name}&limit={limit}", paths::BLOCKS);
    for (bound, value) in [("after", after), ("before", before)] {
        if let Some(value) = value {
            route.push_str(&format!("&{bound}={value}"));
        }
    }
    let page = source.read(&route, |store| report::blocks(store, *after, *before, order, *limit as usize))?;
    if args.json {
        return show(&page.to_string());
    }
    let mut out = table(entries(&page, "blocks"), now_ms()).show("no blocks");
    if let Some(next) = page.get("next").filter(|next| !next.is_null()) {
        out.push_str(&format!("more: {go_on} {next}\n"));
    }
    show(&out)
}

fn retry(source: &Source, number: u32) -> Result<(), CliError> {
    let mut retried = true;
    source.change(&paths::retry(number), |store| {
        retried = store.queue().retry(number)?;
        Ok(())
    })?;
    if !retried {
        return Err(CliError::Failed(format!(
            "block {number} is not quarantined, and its job was not dropped; there is nothing to try again"
        )));
    }
    show(&format!("block {number} is tried again"))
}

fn table(blocks: &[Value], now_ms: u64) -> Table {
    let heads = [
        "block",
        "stage",
        "chunks",
        "operations",
        "job",
        "attempt",
        "prover",
        "aggregate",
        "imported",
        "note",
    ];
    let mut table = Table::new(&heads);
    for block in blocks {
        let aggregate = &block["aggregate"];
        let prover = match &block["proof"] {
            Value::Null => &block["job"]["holder"],
            proof => &proof["prover"],
        };
        table.row(vec![
            text(&block["number"]),
            text(&block["stage"]),
            text(&block["chunks"]),
            text(&block["operations"]),
            text(&block["job"]["id"]),
            text(&block["job"]["attempts"]),
            text(prover),
            match aggregate {
                Value::Null => text(&Value::Null),
                range_of => range(&range_of["first"], &range_of["last"]),
            },
            age(&block["imported_at_ms"], now_ms),
            block["quarantine"]["reason"].as_str().map(|reason| text(&reason.into())).unwrap_or_default(),
        ]);
    }
    table
}
