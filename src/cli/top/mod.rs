//! `top`: a running server at a glance, again and again.
//!
//! On a terminal it is drawn once a second until `q`; elsewhere it is printed once.

mod frame;
mod screen;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::source::{Source, now_ms};
use super::{CliError, show};
use crate::{
    api::paths,
    config::{Config, Flags},
};
use frame::Frame;
use screen::Screen;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for an answer: the view had better say that there is none.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// Jobs and provers that are asked for; a screen holds no more.
const ROWS: usize = 100;

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// The running server at this URL [default: http://127.0.0.1:8088]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl TopArgs {
    /// The settings among the arguments.
    pub fn add_flags(&self, flags: &mut Flags) {
        flags.add("url", "--url", self.url.as_deref());
    }
}

/// Shows the server until `q`, or once.
///
/// # Errors
/// See [`CliError`]. On a terminal only the first look fails; later it says that the server does not answer and goes on.
pub fn run(_args: &TopArgs, config: &Config) -> Result<(), CliError> {
    let source = Source::server(config, &config.url)?.with_timeout(REQUEST_TIMEOUT);
    let mut frame = look(&source, &config.url)?;
    if !std::io::stdout().is_terminal() {
        return show(&frame.lines(usize::MAX, usize::MAX).join("\n"));
    }
    let mut screen = Screen::open()?;
    loop {
        screen.draw(&frame)?;
        if screen.wait_for_quit(INTERVAL, &frame)? {
            return Ok(());
        }
        match look(&source, &config.url) {
            Ok(next) => frame = next,
            Err(error) => frame.complain(error.to_string()),
        }
    }
}

/// Asks for all that is shown.
fn look(source: &Source, url: &str) -> Result<Frame, CliError> {
    let get = |route: &str| source.read(route, |_| Ok(Value::Null));
    // An earlier server has no such route; the rest is worth showing.
    let if_there = |route: &str| match get(route) {
        Err(error) if error.exit_code() == 3 => Ok(Value::Null),
        answer => answer,
    };
    Ok(Frame {
        url: url.to_owned(),
        now_ms: now_ms(),
        status: get(paths::STATUS)?,
        working: get(&format!("/api/v1/jobs?status=in_progress&limit={ROWS}"))?,
        failed: get(&format!("/api/v1/jobs?status=failed&limit={ROWS}"))?,
        provers: if_there(&format!("/api/v1/provers?limit={ROWS}"))?,
        history: if_there("/api/v1/history")?,
        complaint: None,
    })
}
