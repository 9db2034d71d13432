//! `blocks`: lists blocks, or retries one.

use clap::{Args, Subcommand};

use super::block_number::block_after_genesis;
use super::colour::Tone;
use super::error::CliError;
use super::flags::{self, misplaced};
use super::output::show;
use super::text_table::{TextTable, age, page, range, text};
use super::view_source::{ViewSource, now_ms};
use crate::{
    api::{
        paths,
        views::{BlockPage, BlockView, Order, Stage},
    },
    config::Config,
    domain::job::JobStatus,
    report,
};

/// Arguments of `blocks`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct BlocksArgs {
    /// Arguments of the list, which is shown without a subcommand.
    #[command(flatten)]
    pub list: ListArgs,
    /// What to do with a block
    #[command(subcommand)]
    pub action: Option<BlockAction>,
}

/// Arguments of `blocks list`.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct ListArgs {
    /// List the newest first: the default
    #[arg(long, conflicts_with = "oldest")]
    pub newest: bool,
    /// List the oldest first
    #[arg(long)]
    pub oldest: bool,
    /// Only blocks after this one
    #[arg(long, value_name = "N")]
    pub after: Option<u32>,
    /// Only blocks before this one
    #[arg(long, value_name = "N")]
    pub before: Option<u32>,
    /// Maximum number of blocks
    #[arg(short = 'n', long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print the JSON of the API
    #[arg(short, long)]
    pub json: bool,
}

/// Default of the number of blocks in a list.
const LIMIT: u32 = 20;

impl ListArgs {
    /// The arguments of a command line without any.
    const NONE: Self =
        Self { newest: false, oldest: false, after: None, before: None, limit: LIMIT, json: false };
}

/// What to do with a block.
#[derive(Debug, Subcommand)]
pub(crate) enum BlockAction {
    /// List blocks with their stages; the same as without a subcommand
    List(ListArgs),
    /// Retry a block that is quarantined, or whose job was dropped
    Retry {
        /// The block's number
        #[arg(value_parser = block_after_genesis)]
        number: u32,
    },
}

/// Lists blocks, or retries one.
///
/// # Errors
/// Fails if the target cannot be read, or if the block needs no retry.
pub(crate) fn run(args: &BlocksArgs, config: &Config) -> Result<(), CliError> {
    if args.action.is_some() && args.list != ListArgs::NONE {
        return Err(misplaced());
    }
    let list = match &args.action {
        Some(BlockAction::Retry { number }) => return retry(&ViewSource::open_to_change(config)?, *number),
        Some(BlockAction::List(list)) => list,
        None => &args.list,
    };
    let ListArgs { newest: _, oldest, after, before, limit, json } = list;
    let source = ViewSource::open(config)?;
    let (order, name, flag) = match oldest {
        true => (Order::Asc, "asc", "--after"),
        false => (Order::Desc, "desc", "--before"),
    };
    let mut route = format!("{}?order={name}&limit={limit}", paths::BLOCKS);
    for (bound, value) in [("after", after), ("before", before)] {
        if let Some(value) = value {
            route.push_str(&format!("&{bound}={value}"));
        }
    }
    let list =
        |BlockPage { blocks, next }: &BlockPage| page(&table(blocks, now_ms()), "no blocks", flag, *next);
    let report = |store: &_| report::blocks(store, *after, *before, order, *limit as usize);
    source.print(&route, *json, report, list)
}

fn retry(source: &ViewSource, number: u32) -> Result<(), CliError> {
    let mut retried = true;
    source.change(&paths::retry(number), |store| {
        retried = store.queue().retry(number)?;
        Ok(())
    })?;
    if !retried {
        return Err(CliError::Failed(format!(
            "block {number} is not quarantined, and its job was not dropped; it needs no retry"
        )));
    }
    show(&format!("block {number} is retried"))
}

fn table(blocks: &[BlockView], now_ms: u64) -> TextTable {
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
    let mut table = TextTable::new(&heads);
    for block in blocks {
        let job = block.job.as_ref();
        let prover = match &block.proof {
            Some(proof) => proof.prover.as_ref(),
            None => job.and_then(|job| job.holder.as_ref()),
        };
        table.row(vec![
            block.number.to_string(),
            block.stage.name().to_owned(),
            block.chunks.to_string(),
            block.operations.to_string(),
            text(job.map(|job| job.id)),
            text(job.map(|job| job.attempts)),
            text(prover),
            text(block.aggregate.as_ref().map(|aggregate| range(aggregate.first, aggregate.last))),
            age(Some(block.imported_at_ms), now_ms),
            block.quarantine.as_ref().map(|quarantine| text(Some(&quarantine.reason))).unwrap_or_default(),
        ]);
        let tone = match (block.stage, job.map(|job| job.status)) {
            (Stage::Quarantined, _) | (_, Some(JobStatus::Failed)) => Tone::Trouble,
            (Stage::Verified, _) => Tone::Done,
            _ => Tone::Plain,
        };
        table.tone("stage", tone);
    }
    table
}
