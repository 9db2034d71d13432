//! Progress of a long command, on standard error: a bar on a terminal, else a line from time to
//! time.

use std::{
    cell::{Cell, RefCell},
    io::IsTerminal,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::tell;
use crate::clock::ProgressMeter;

/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Progress towards a known number of items, with the time left.
pub(crate) struct ProgressDisplay {
    what: &'static str,
    bar: Option<ProgressBar>,
    /// True after the first call of `set`, which counts items that were done before.
    begun: Cell<bool>,
    meter: ProgressMeter,
}

impl ProgressDisplay {
    /// Starts at 0 of `total` items called `what`.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
        });
        Self { what, bar, begun: Cell::new(false), meter: ProgressMeter::new(LINE_INTERVAL) }
    }

    /// Shows that `done` of `total` items are done. Items of the first call do not count for the
    /// time left.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            if !self.begun.replace(true) {
                bar.reset_eta();
            }
        } else if let Some(report) = self.meter.update(done, total) {
            tell(&format!("{}: {report}", self.what));
        }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Progress of a command with several phases, each with a count of its own.
#[derive(Default)]
pub(crate) struct Phases {
    current: RefCell<Option<ProgressDisplay>>,
}

impl Phases {
    /// Shows that `done` of `total` items called `what` are done.
    pub(crate) fn set(&self, what: &'static str, done: u64, total: u64) {
        let mut current = self.current.borrow_mut();
        if current.as_ref().is_none_or(|phase| phase.what != what) {
            // Clear the old bar before the new one is drawn.
            *current = None;
            *current = Some(ProgressDisplay::new(what, total));
        }
        if let Some(phase) = current.as_ref() {
            phase.set(done, total);
        }
    }
}
