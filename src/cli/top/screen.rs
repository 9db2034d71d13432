//! The terminal of `top`: taken over, drawn on, and given back however the program ends.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};
use tokio::signal::unix::{SignalKind, signal};

use super::frame::Frame;
use crate::cli::{CliError, runtime};

/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// See the module.
pub struct Screen {
    told_to_stop: Arc<AtomicBool>,
    /// Waits for signals.
    _runtime: tokio::runtime::Runtime,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// [`CliError::Output`], [`CliError::Runtime`].
    pub fn open() -> Result<Self, CliError> {
        let runtime = runtime()?;
        let told_to_stop = Arc::new(AtomicBool::new(false));
        for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
            let told_to_stop = Arc::clone(&told_to_stop);
            let _guard = runtime.enter();
            let mut signal = signal(kind).map_err(CliError::Runtime)?;
            runtime.spawn(async move {
                signal.recv().await;
                told_to_stop.store(true, Ordering::SeqCst);
            });
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        terminal::enable_raw_mode().map_err(unwritable)?;
        // From here on dropped however it goes.
        let screen = Self { told_to_stop, _runtime: runtime };
        execute!(io::stdout(), EnterAlternateScreen, Hide).map_err(unwritable)?;
        Ok(screen)
    }

    /// Draws a frame over the one before.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn draw(&mut self, frame: &Frame) -> Result<(), CliError> {
        let (width, height) = terminal::size().unwrap_or((80, 24));
        let (width, height) = (usize::from(width), usize::from(height));
        let mut lines = frame.lines(width, height.saturating_sub(1));
        lines.push("q quits".chars().take(width).collect());
        let draw = || -> io::Result<()> {
            let mut out = io::stdout().lock();
            for (row, line) in (0..).zip(&lines) {
                queue!(out, MoveTo(0, row))?;
                write!(out, "{line}")?;
                queue!(out, Clear(ClearType::UntilNewLine))?;
            }
            queue!(out, Clear(ClearType::FromCursorDown))?;
            out.flush()
        };
        draw().map_err(unwritable)
    }

    /// Waits; whether somebody wants it to end. A change of size is drawn at once.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn wait_for_quit(&mut self, time: Duration, frame: &Frame) -> Result<bool, CliError> {
        let end = Instant::now() + time;
        loop {
            if self.told_to_stop.load(Ordering::SeqCst) {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            if !event::poll(left.min(LOOK)).map_err(unwritable)? {
                continue;
            }
            match event::read().map_err(unwritable)? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    let control_c =
                        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                    if control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                        return Ok(true);
                    }
                }
                Event::Resize(..) => self.draw(frame)?,
                _ => {}
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // There is nobody left to tell.
    let _ = terminal::disable_raw_mode();
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
}

fn unwritable(cause: io::Error) -> CliError {
    CliError::Output { path: PathBuf::from("the terminal"), cause }
}
