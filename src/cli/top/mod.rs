//! `top`: a live view of a running server.
//!
//! A terminal is redrawn once a second until `q`; elsewhere the lines are printed once.

mod frame;
mod screen;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;

use super::error::CliError;
use super::flags;
use super::output::show_lines;
use super::view_source::{ServerSource, now_ms};
use crate::{
    api::{
        paths,
        views::{HistoryView, JobPage, ProverPage},
    },
    config::Config,
    domain::job::JobStatus,
};
use frame::ScreenFrame;
use screen::Screen;

/// Time between two rounds of requests.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for an answer; then the screen says that the server does not answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of jobs and provers that are requested; a screen holds no more.
const ROWS: usize = 100;

/// Arguments of `top`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&["url"]))]
pub(crate) struct TopArgs {}

/// Shows the server until `q`, or once.
///
/// # Errors
/// On a terminal only the first round of requests fails; later ones are shown as a complaint.
pub(crate) fn run(config: &Config) -> Result<(), CliError> {
    let source = ServerSource::new(config, &config.url)?.with_timeout(REQUEST_TIMEOUT);
    let mut frame = request(&source, &config.url)?;
    if !std::io::stdout().is_terminal() {
        return show_lines(&frame.lines(usize::MAX, usize::MAX).join("\n"));
    }
    let mut screen = Screen::open()?;
    loop {
        screen.draw(&frame)?;
        if screen.wait_for_quit(INTERVAL, &frame)? {
            return Ok(());
        }
        match request(&source, &config.url) {
            Ok(next) => frame = next,
            Err(error) => frame.complaint = Some(error.to_string()),
        }
    }
}

/// Requests everything that is shown.
fn request(source: &ServerSource, url: &str) -> Result<ScreenFrame, CliError> {
    let jobs = |status: JobStatus| {
        let route = format!("{}?status={}&limit={ROWS}", paths::JOBS, status.name());
        source.read(&route).map(|page: JobPage| page.jobs)
    };
    let provers: Option<ProverPage> = if_present(source, &format!("{}?limit={ROWS}", paths::PROVERS))?;
    let history: Option<HistoryView> = if_present(source, paths::HISTORY)?;
    Ok(ScreenFrame {
        url: url.to_owned(),
        now_ms: now_ms(),
        status: source.read(paths::STATUS)?,
        working: jobs(JobStatus::InProgress)?,
        failed: jobs(JobStatus::Failed)?,
        provers: provers.map(|page| page.provers).unwrap_or_default(),
        history: history.unwrap_or(HistoryView { interval_ms: 0, points: Vec::new() }),
        complaint: None,
    })
}

/// Returns the answer of a route that earlier versions of the server do not have.
fn if_present<T: DeserializeOwned>(source: &ServerSource, route: &str) -> Result<Option<T>, CliError> {
    match source.read(route) {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}
