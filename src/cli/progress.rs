//! Progress of a long command, on standard error: a bar on a terminal, else a line now and then.

use std::{
    cell::{Cell, RefCell},
    io::IsTerminal,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tell;
use crate::clock::ProgressMeter;

/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Progress towards a known number of things, with the time left.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    /// Whether the bar was told where the count begins.
    begun: Cell<bool>,
    meter: ProgressMeter,
}

impl Progress {
    /// Of `total` things called `what`, none is done.
    pub fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
        });
        Self { what, bar, begun: Cell::new(false), meter: ProgressMeter::new(LINE_INTERVAL) }
    }

    /// `done` of `total` are done. What the first call says was done before, and does not count for the time left.
    pub fn set(&self, done: u64, total: u64) {
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

/// Progress of a command that does one thing after the other, each counted by itself.
#[derive(Default)]
pub struct Stages {
    now: RefCell<Option<Progress>>,
}

impl Stages {
    /// `done` of `total` things called `what` are done.
    pub fn set(&self, what: &'static str, done: u64, total: u64) {
        let mut now = self.now.borrow_mut();
        if now.as_ref().is_none_or(|now| now.what != what) {
            // The old one is cleared before the new one is shown.
            *now = None;
            *now = Some(Progress::new(what, total));
        }
        if let Some(now) = now.as_ref() {
            now.set(done, total);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
