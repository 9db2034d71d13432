//! `provers`: lists provers and the jobs they hold, or blocks and unblocks one.

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::colour::Tone;
use super::error::CliError;
use super::flags::{self, misplaced};
use super::output::show;
use super::text_table::{TextTable, age, page, span, text};
use super::view_source::{ViewSource, now_ms};
use crate::{
    api::{
        paths,
        views::{PAGE, ProverPage, ProverView},
    },
    config::Config,
    report,
};

/// Arguments of `provers`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct ProversArgs {
    /// Arguments of the list, which is shown without a subcommand.
    #[command(flatten)]
    pub list: ListArgs,
    /// What to do with a prover
    #[command(subcommand)]
    pub action: Option<ProverAction>,
}

/// Arguments of `provers list`.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct ListArgs {
    /// Only provers whose names come after this one
    #[arg(long, value_name = "NAME")]
    pub after: Option<String>,
    /// Maximum number of provers
    #[arg(short = 'n', long, value_name = "N", default_value_t = PAGE as u32, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print the JSON of the API
    #[arg(short, long)]
    pub json: bool,
}

impl ListArgs {
    /// The arguments of a command line without any.
    const NONE: Self = Self { after: None, limit: PAGE as u32, json: false };
}

/// What to do with a prover.
#[derive(Debug, Subcommand)]
pub(crate) enum ProverAction {
    /// List provers by name; the same as without a subcommand
    List(ListArgs),
    /// Keep a prover from getting jobs, and end its leases; its proofs are still accepted
    Block {
        /// The name of the prover
        name: String,
    },
    /// End the block of a prover, and its suspension after refused proofs
    Unblock {
        /// The name of the prover
        name: String,
    },
}

/// Lists the provers, or changes one; those of a folder are the ones that claimed a job.
///
/// # Errors
/// Fails if the target cannot be read.
pub(crate) fn run(args: &ProversArgs, config: &Config) -> Result<(), CliError> {
    if args.action.is_some() && args.list != ListArgs::NONE {
        return Err(misplaced());
    }
    match &args.action {
        None => list(&args.list, config),
        Some(ProverAction::List(args)) => list(args, config),
        Some(ProverAction::Block { name }) => {
            let source = ViewSource::open_to_change(config)?;
            source.change(&paths::block_prover(name), |store| store.queue().block_prover(name).map(drop))?;
            show(&format!("prover {} is blocked; `provers unblock` ends that", text(Some(name))))
        }
        Some(ProverAction::Unblock { name }) => {
            let source = ViewSource::open_to_change(config)?;
            source
                .change(&paths::unblock_prover(name), |store| store.queue().unblock_prover(name).map(drop))?;
            show(&format!("prover {} is unblocked", text(Some(name))))
        }
    }
}

fn list(ListArgs { after, limit, json }: &ListArgs, config: &Config) -> Result<(), CliError> {
    let mut route = format!("{}?limit={limit}", paths::PROVERS);
    if let Some(after) = after {
        route.push_str(&format!("&after={}", utf8_percent_encode(after, NON_ALPHANUMERIC)));
    }
    let list = |ProverPage { provers, next }: &ProverPage| {
        let table = table(provers, now_ms());
        page(&table, "no provers seen", "--after", next.as_ref())
    };
    let report = |store: &_| Ok(report::provers(store, after.as_deref(), *limit as usize));
    ViewSource::open(config)?.print(&route, *json, report, list)
}

/// Returns provers as a table.
pub(crate) fn table(provers: &[ProverView], now_ms: u64) -> TextTable {
    let mut table = TextTable::new(&["prover", "last seen", "jobs", "proofs", "rejected", "state"]);
    for prover in provers {
        let jobs: Vec<String> = prover.jobs.iter().map(ToString::to_string).collect();
        let jobs = (!jobs.is_empty()).then(|| jobs.join(","));
        table.row(vec![
            text(Some(&prover.name)),
            age((prover.last_seen_ms > 0).then_some(prover.last_seen_ms), now_ms),
            match prover.held > prover.jobs.len() as u64 {
                true => format!("{},… ({})", jobs.unwrap_or_default(), prover.held),
                false => text(jobs),
            },
            prover.proofs.to_string(),
            prover.rejected.to_string(),
            match prover {
                ProverView { blocked_at_ms: Some(_), .. } => "blocked".to_owned(),
                ProverView { suspended_until_ms: Some(until), .. } => {
                    format!("suspended for {}", span(until.saturating_sub(now_ms)))
                }
                _ => text(None::<&str>),
            },
        ]);
        if prover.blocked_at_ms.is_some() || prover.suspended_until_ms.is_some() {
            table.tone("state", Tone::Caution);
        }
    }
    table
}
