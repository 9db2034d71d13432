//! Progress of a long command, on standard error: a bar on a terminal, else a line now and then.

use std::{cell::Cell, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Countdown;

/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Progress towards a known number of things, with the time left.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    /// Whether the bar was told where the count begins.
    begun: Cell<bool>,
    countdown: Countdown,
}

impl Progress {
    /// Of `total` things called `what`, none is done.
    pub fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
        });
        Self { what, bar, begun: Cell::new(false), countdown: Countdown::new(LINE_INTERVAL) }
    }

    /// `done` of `total` are done. What the first call says was done before, and does not count for the time left.
    pub fn set(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            if !self.begun.replace(true) {
                bar.reset_eta();
            }
        } else if let Some(standing) = self.countdown.tell(done, total) {
            eprintln!("{}: {standing}", self.what);
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
