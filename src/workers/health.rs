//! Health of a node: readiness for work, and liveness, without which only a restart helps.

use super::node::Node;
use crate::store::StoreError;

/// Returns the reasons why the node is not ready for work; empty if it is.
pub(crate) fn unready_reasons(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    if node.has_failed() {
        reasons.push("a worker thread died".to_owned());
    } else if node.wakeup().is_stopping() {
        reasons.push("the server is stopping".to_owned());
    }
    if let Err(error) = poll(node) {
        reasons.push(format!("the store cannot be read: {error}"));
    }
    reasons.extend(node.store().check_folder().err().map(|error| error.to_string()));
    reasons.extend(node.store().check_space().err().map(|error| error.to_string()));
    reasons
}

/// Returns true if all worker threads live and the store answers. A store that is closed answers as
/// well: it is reopened as soon as the system permits, and a restart before that would fail for the
/// same reason. Blocks if the store hangs.
pub(crate) fn is_alive(node: &Node) -> bool {
    node.workers_live() && matches!(poll(node), Ok(()) | Err(StoreError::Closed { .. }))
}

fn poll(node: &Node) -> Result<(), StoreError> {
    node.store().readable()?;
    node.store().chain().head().map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::NodeOptions;
    use super::super::testing::empty;
    use super::*;

    #[test]
    fn a_node_lives_while_each_of_its_threads_does() {
        let (_folder, store) = empty();
        let node = Node::new(store, NodeOptions::default());
        node.start().unwrap();
        assert!(is_alive(&node) && unready_reasons(&node).is_empty());
        node.spawn("ends early", || ()).unwrap();
        while is_alive(&node) {
            std::thread::yield_now();
        }
        assert!(!node.has_failed());
        // Threads that end because of a pause are not a fault.
        node.wakeup().pause();
        assert!(is_alive(&node));
        node.stop();
    }
}
