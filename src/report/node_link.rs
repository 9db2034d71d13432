//! The link to a node.

use super::explain::explain;
use crate::{
    api::views::{Explanation, NodeLinkFault, NodeLinkStatus, Stage},
    store::{Store, StoreError},
    workers::{LinkFault, LinkView, Node},
};

/// Maximum number of waiting proofs of a type that are counted, so that no request reads a whole
/// table.
const MAX_PENDING: usize = 10_000;

/// Returns the state of the link; `None` without one.
pub(crate) fn node_link(node: &Node) -> Result<Option<NodeLinkStatus>, StoreError> {
    let Some(view) = node.link().view() else { return Ok(None) };
    let LinkView { url, phase, since_ms, node_block, fault, hand_back_fault } = view;
    let blocks_behind = node_block.saturating_sub(node.store().chain().head()?);
    let shown = |LinkFault { code, message, at_ms }| NodeLinkFault { code: code.to_owned(), message, at_ms };
    Ok(Some(NodeLinkStatus {
        url,
        phase: phase.name().to_owned(),
        since_ms,
        newest_block: node_block,
        blocks_behind,
        fault: fault.map(shown),
        proofs_pending: proofs_pending(node.store())?,
        hand_back_fault: hand_back_fault.map(shown),
    }))
}

/// Returns the number of proofs that wait to be handed back, of each type at most
/// [`MAX_PENDING`].
pub(crate) fn proofs_pending(store: &Store) -> Result<u64, StoreError> {
    Ok(store.queue().count_to_hand_back(MAX_PENDING)? as u64)
}

/// Explains what a block waits for like [`explain`](super::explain), and if it is not imported, what
/// the link to the node does.
pub(crate) fn explain_with_link(node: &Node, number: u32) -> Result<Explanation, StoreError> {
    let now_ms = node.now_ms();
    let mut explanation = explain(node.store(), number, now_ms)?;
    let share = node.share();
    let foreign = !share.owns(number) && explanation.stage == Some(Stage::Imported);
    if foreign && node.store().tree().head()? >= number {
        explanation.text = format!(
            "Block {number} is not in the share of this server, {share}: the server that has it builds its witness, and its proof is taken over from the node's database."
        );
    }
    if explanation.stage.is_none()
        && number > node.store().chain().base()?
        && let Some(link) = node_link(node)?
    {
        explanation.text.push(' ');
        explanation.text.push_str(&sentence(&link, number));
    }
    Ok(explanation)
}

/// Describes the state of the link for a block that is not imported.
fn sentence(link: &NodeLinkStatus, number: u32) -> String {
    let NodeLinkStatus { newest_block, blocks_behind, .. } = link;
    let sealed = match *newest_block {
        0 => String::new(),
        newest if number > newest => {
            format!(" The node has not sealed it yet; its newest block is block {newest}.")
        }
        newest => {
            format!(" The node's newest block is block {newest}, {blocks_behind} ahead of this folder.")
        }
    };
    match &link.fault {
        Some(NodeLinkFault { message, .. }) => {
            format!("The node is not followed at present: {}.{sealed}", message.trim_end_matches('.'))
        }
        None => format!(
            "Blocks come from the node's database, which is {}.{sealed}",
            match link.phase.as_str() {
                "connecting" => "being connected to",
                "starting" => "being read for the state with which the folder begins",
                "catching_up" => "being caught up with",
                _ => "followed",
            }
        ),
    }
}
