//! The state of the link to a node, which operators read.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The activity of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkPhase {
    /// It connects to the database.
    Connecting,
    /// It reads the state with which the folder begins.
    Starting,
    /// It imports blocks that the node has sealed before.
    CatchingUp,
    /// It waits for the next block.
    Following,
    /// It failed, and tries again.
    Failing,
    /// It failed in a way that another attempt cannot change.
    Stopped,
}

impl LinkPhase {
    /// Returns the name of the phase.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Starting => "starting",
            Self::CatchingUp => "catching_up",
            Self::Following => "following",
            Self::Failing => "failing",
            Self::Stopped => "stopped",
        }
    }
}

/// The last failure of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkFault {
    /// A stable name of the kind of failure.
    pub code: &'static str,
    /// The failure, as one sentence.
    pub message: String,
    /// Time in milliseconds since 1970.
    pub at_ms: u64,
}

/// The state of a link at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkView {
    /// Address of the database, without a password.
    pub url: String,
    pub phase: LinkPhase,
    /// Start of the phase, in milliseconds since 1970.
    pub since_ms: u64,
    /// The newest block of the node that is known.
    pub node_block: u32,
    /// The last failure since the link last followed; kept until it follows again.
    pub fault: Option<LinkFault>,
    /// The last failure to hand proofs back; kept until the next attempt succeeds.
    pub hand_back_fault: Option<LinkFault>,
}

/// The state of the link of a node; absent without one.
#[derive(Debug, Default)]
pub(crate) struct LinkStatus {
    view: Mutex<Option<LinkView>>,
}

impl LinkStatus {
    /// Returns the present state.
    pub(crate) fn view(&self) -> Option<LinkView> {
        self.lock().clone()
    }

    /// Records that a link to this address begins to connect.
    pub(crate) fn begin(&self, url: String, now_ms: u64) {
        let phase = LinkPhase::Connecting;
        *self.lock() = Some(LinkView {
            url,
            phase,
            since_ms: now_ms,
            node_block: 0,
            fault: None,
            hand_back_fault: None,
        });
    }

    /// Records the newest block of the node.
    pub(crate) fn note_block(&self, number: u32) {
        if let Some(view) = &mut *self.lock() {
            view.node_block = number;
        }
    }

    /// Sets the phase; returns true if it was another one before.
    pub(crate) fn enter(&self, phase: LinkPhase, now_ms: u64) -> bool {
        let mut view = self.lock();
        let Some(view) = &mut *view else { return false };
        if phase == LinkPhase::Following {
            view.fault = None;
        }
        let changed = view.phase != phase;
        if changed {
            view.phase = phase;
            view.since_ms = now_ms;
        }
        changed
    }

    /// Records a failure; returns true if its kind differs from that of the last one.
    pub(crate) fn fail(&self, phase: LinkPhase, fault: LinkFault) -> bool {
        let changed = self.enter(phase, fault.at_ms);
        let mut view = self.lock();
        let Some(view) = &mut *view else { return false };
        let other = view.fault.as_ref().is_none_or(|last| last.code != fault.code);
        view.fault = Some(fault);
        changed || other
    }

    /// Records a failure to hand proofs back; returns true if its kind differs from that of the
    /// last one.
    pub(crate) fn hand_back_failed(&self, fault: LinkFault) -> bool {
        let mut view = self.lock();
        let Some(view) = &mut *view else { return false };
        let other = view.hand_back_fault.as_ref().is_none_or(|last| last.code != fault.code);
        view.hand_back_fault = Some(fault);
        other
    }

    /// Records that proofs are handed back; returns true if that failed before.
    pub(crate) fn hands_back_again(&self) -> bool {
        self.lock().as_mut().is_some_and(|view| view.hand_back_fault.take().is_some())
    }

    fn lock(&self) -> MutexGuard<'_, Option<LinkView>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_reported_once_and_a_fault_stays_until_the_link_follows() {
        let status = LinkStatus::default();
        assert!(status.view().is_none() && !status.enter(LinkPhase::Following, 1));
        status.begin("postgres://db".to_owned(), 1);
        let fault = |code, at_ms| LinkFault { code, message: "m".to_owned(), at_ms };
        assert!(status.fail(LinkPhase::Failing, fault("unreachable", 2)));
        assert!(!status.fail(LinkPhase::Failing, fault("unreachable", 3)));
        assert!(status.fail(LinkPhase::Failing, fault("authentication_refused", 4)));
        assert!(status.enter(LinkPhase::CatchingUp, 5));
        let view = status.view().unwrap();
        assert_eq!((view.since_ms, view.fault.unwrap().at_ms), (5, 4));
        status.note_block(9);
        assert!(status.enter(LinkPhase::Following, 6) && !status.enter(LinkPhase::Following, 7));
        let view = status.view().unwrap();
        assert_eq!((view.since_ms, view.node_block, view.fault), (6, 9, None));
        assert!(
            status.hand_back_failed(fault("read_only", 8)) && !status.hand_back_failed(fault("read_only", 9))
        );
        assert_eq!(status.view().unwrap().hand_back_fault, Some(fault("read_only", 9)));
        assert!(status.hands_back_again() && !status.hands_back_again());
    }
}
