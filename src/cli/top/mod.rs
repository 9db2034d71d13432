//! `top`: a live view of a running server.
//!
//! A terminal is redrawn once a second, or in the given interval, until `q`; elsewhere the lines are
//! printed once. If the server stops answering, the last state stays on the terminal with the
//! reason, until it answers again.

mod frame;
mod help;
mod screen;
mod sort;

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;

use super::colour::{Tone, TonedText};
use super::error::CliError;
use super::flags;
use super::output::show_toned;
use super::target::Target;
use super::view_source::{ServerSource, now_ms};
use crate::{
    api::{
        paths,
        views::{HistoryView, JobPage, ProverPage},
    },
    config::{Config, parse_duration},
    domain::job::JobStatus,
};
use frame::ScreenFrame;
use screen::Screen;
use sort::Sort;

/// Longest wait for an answer; then the screen says that the server does not answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// Time between two checks for an answer.
const ANSWER_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum number of jobs and provers that are requested; a screen holds no more.
const ROWS: usize = 100;

/// Arguments of `top`.
#[derive(Debug, Args)]
#[command(args = flags::of_target())]
pub(crate) struct TopArgs {
    /// Print the screen once, as without a terminal
    #[arg(long)]
    pub once: bool,
    /// Time between two rounds of requests
    #[arg(short = 'i', long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub interval: Duration,
    /// Order of the lists of jobs and provers
    #[arg(short, long, value_name = "ORDER", value_enum, default_value_t)]
    pub sort: Sort,
}

/// Shows the server until `q`, or once.
///
/// # Errors
/// On a terminal only the first round of requests fails; later ones are shown as a complaint.
pub(crate) fn run(args: &TopArgs, config: &Config) -> Result<(), CliError> {
    let Target::Server(server) = Target::of(config) else {
        return Err(CliError::Usage("no server uses that folder; start one, or pass --url URL".to_owned()));
    };
    let client = server.reader(config)?;
    let source = ServerSource::new(client.with_timeout(REQUEST_TIMEOUT))?;
    let mut frame = request(&source)?;
    if args.once || !std::io::stdout().is_terminal() {
        let mut screen = TonedText::default();
        for line in frame.lines(args.sort, usize::MAX, usize::MAX) {
            screen.append(line);
            screen.push(Tone::Plain, "\n");
        }
        return show_toned(&screen);
    }
    let (asks, answers) = requests(source)?;
    let mut screen = Screen::open(args.sort)?;
    loop {
        screen.draw(&frame)?;
        if screen.wait_for_quit(args.interval, &frame)? {
            return Ok(());
        }
        // If the thread has ended, the receiver reports it.
        let _ = asks.send(());
        let answer = loop {
            match answers.try_recv() {
                Ok(answer) => break answer,
                Err(TryRecvError::Empty) if screen.wait_for_quit(ANSWER_INTERVAL, &frame)? => return Ok(()),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    return Err(CliError::Failed("the thread of the requests has ended".to_owned()));
                }
            }
        };
        match answer {
            Ok(next) => frame = next,
            Err(error) => {
                frame.complaint = Some(error.to_string());
                frame.asked_ms = now_ms();
            }
        }
    }
}

/// A round of requests: what is shown, or the reason why it cannot be.
type Round = Result<ScreenFrame, CliError>;

/// Starts a thread that makes a round of requests for each message: keys work even if the server does
/// not answer.
fn requests(source: ServerSource) -> Result<(Sender<()>, Receiver<Round>), CliError> {
    let (asks, asked) = channel();
    let (answer, answers) = channel();
    let serve = move || {
        while let Ok(()) = asked.recv() {
            if answer.send(request(&source)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("top".to_owned()).spawn(serve).map_err(CliError::Runtime)?;
    Ok((asks, answers))
}

/// Requests everything that is shown.
fn request(source: &ServerSource) -> Round {
    let jobs = |status: JobStatus| {
        let route = format!("{}?status={}&limit={ROWS}", paths::JOBS, status.name());
        source.read(&route).map(|page: JobPage| page.jobs)
    };
    let provers: Option<ProverPage> = if_present(source, &format!("{}?limit={ROWS}", paths::PROVERS))?;
    let history: Option<HistoryView> = if_present(source, paths::HISTORY)?;
    let now_ms = now_ms();
    Ok(ScreenFrame {
        url: source.url().to_owned(),
        now_ms,
        asked_ms: now_ms,
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
