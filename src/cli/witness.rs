//! `witness`: builds missing witnesses offline.

use std::time::Duration;

use clap::Args;

use super::block_number::block_number;
use super::error::CliError;
use super::output::show;
use super::progress::ProgressDisplay;
use super::{flags, folder};
use crate::{config::Config, service::node_options, store::Store, workers::Node};

/// Longest time until a quarantine is noticed.
const POLL: Duration = Duration::from_millis(200);

/// Arguments of `witness`.
#[derive(Debug, Args)]
#[command(args = flags::of_stopped_folder())]
pub(crate) struct WitnessArgs {
    /// Last block to build [default: the last imported one]
    #[arg(long, value_name = "N", value_parser = block_number)]
    pub until: Option<u32>,
}

/// Builds every missing witness up to the given block.
///
/// # Errors
/// Fails if the folder cannot be opened, if a block is quarantined, or if the disk is full.
pub(crate) fn run(args: &WitnessArgs, config: &Config) -> Result<(), CliError> {
    let store = folder::open_existing(config, config.require_data_dir()?)?;
    let target = store.chain().head()?.min(args.until.unwrap_or(u32::MAX));
    let node = Node::new(store, node_options(config));
    node.start_maintainers(target)?;
    let reached = wait(&node, target).and_then(|()| match config.node_share.is_divided() {
        true => Ok(()),
        false => complete(node.store(), target),
    });
    node.stop();
    reached?;
    node.store().sync()?;
    show(&format!("every witness up to block {target} is stored"))
}

/// Waits until the block has its witness, or a block up to it is quarantined.
fn wait(node: &Node, target: u32) -> Result<(), CliError> {
    let store = node.store();
    let progress = ProgressDisplay::new("witnesses", target.into());
    loop {
        let before = node.wakeup().generation();
        let reached = store.tree().head()?;
        if reached >= target {
            return Ok(());
        }
        progress.set(reached.into(), target.into());
        if node.has_failed() {
            return Err(CliError::Failed(
                "a worker thread panicked; see the log, then start again".to_owned(),
            ));
        }
        store.check_space()?;
        let next = reached.saturating_add(1);
        if let Some(quarantine) = store.chain().quarantine(next)? {
            let operation = quarantine.operation.map(|index| {
                format!("operation {index} ({}): ", quarantine.kind.as_deref().unwrap_or("unknown"))
            });
            return Err(CliError::Failed(format!(
                "block {next} is quarantined: {}{}; revert to block {reached}, then import the right block {next}",
                operation.unwrap_or_default(),
                quarantine.reason
            )));
        }
        node.wakeup().wait(before, POLL);
    }
}

/// Checks that no block up to the target lacks the witness that it needs.
fn complete(store: &Store, target: u32) -> Result<(), CliError> {
    let queue = store.queue();
    match queue.first_without_witness(queue.last_settled_block()?, target)? {
        None => Ok(()),
        Some(block) => Err(CliError::Failed(format!(
            "block {block} has no witness, although the account tree is past it; `revert --to {}` keeps every block and takes the tree back, so \
             that its witness is built",
            store.chain().head()?
        ))),
    }
}
