//! The terminal of `top`, which is restored however the program ends.

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

use super::frame::ScreenFrame;
use super::help;
use super::sort::Sort;
use crate::cli::error::CliError;
use crate::cli::runtime::runtime;
use crate::printable;

/// Time between two checks for a signal.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(200);

/// The terminal in raw mode, restored when dropped.
pub(crate) struct Screen {
    sort: Sort,
    helps: bool,
    coloured: bool,
    signalled: Arc<AtomicBool>,
    /// Waits for signals.
    _runtime: tokio::runtime::Runtime,
}

impl Screen {
    /// Switches the terminal to raw mode and to its alternate screen; the lists are in this order
    /// until a key changes it.
    ///
    /// # Errors
    /// [`CliError::Output`], [`CliError::Runtime`].
    pub(crate) fn open(sort: Sort) -> Result<Self, CliError> {
        let runtime = runtime()?;
        let signalled = Arc::new(AtomicBool::new(false));
        for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
            let signalled = Arc::clone(&signalled);
            let _guard = runtime.enter();
            let mut signal = signal(kind).map_err(CliError::Runtime)?;
            runtime.spawn(async move {
                signal.recv().await;
                signalled.store(true, Ordering::SeqCst);
            });
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        terminal::enable_raw_mode().map_err(unwritable)?;
        // From here on, every return drops the screen.
        let screen = Self {
            sort,
            helps: false,
            coloured: printable::has_colours(&io::stdout()),
            signalled,
            _runtime: runtime,
        };
        execute!(io::stdout(), EnterAlternateScreen, Hide).map_err(unwritable)?;
        Ok(screen)
    }

    /// Draws a frame, or the help, over the previous one.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub(crate) fn draw(&mut self, frame: &ScreenFrame) -> Result<(), CliError> {
        let (width, height) = terminal::size().unwrap_or((80, 24));
        let (width, height) = (usize::from(width), usize::from(height));
        let rows = height.saturating_sub(1);
        let mut lines = match self.helps {
            true => help::lines(width, rows),
            false => frame.lines(self.sort, width, rows),
        };
        lines.push(help::footer(self.sort, width));
        let draw = || -> io::Result<()> {
            let mut out = io::stdout().lock();
            for (row, line) in (0..).zip(&lines) {
                queue!(out, MoveTo(0, row))?;
                write!(out, "{}", line.written(self.coloured))?;
                queue!(out, Clear(ClearType::UntilNewLine))?;
            }
            queue!(out, Clear(ClearType::FromCursorDown))?;
            out.flush()
        };
        draw().map_err(unwritable)
    }

    /// Waits for the given time. Returns true if a key or a signal ends the program. Other keys and
    /// a resized terminal have their effect at once.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub(crate) fn wait_for_quit(&mut self, time: Duration, frame: &ScreenFrame) -> Result<bool, CliError> {
        let end = Instant::now() + time;
        loop {
            if self.signalled.load(Ordering::SeqCst) {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            if !event::poll(left.min(SIGNAL_INTERVAL)).map_err(unwritable)? {
                continue;
            }
            match event::read().map_err(unwritable)? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    let control_c =
                        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        _ if control_c => return Ok(true),
                        KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
                        KeyCode::Char('?' | 'h') => self.helps = !self.helps,
                        KeyCode::Char('s') => self.sort = self.sort.next(),
                        _ => continue,
                    }
                    self.draw(frame)?;
                }
                Event::Resize(..) => self.draw(frame)?,
                _ => {}
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // The program is about to end, so a failure has no consequence.
    let _ = terminal::disable_raw_mode();
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
}

fn unwritable(cause: io::Error) -> CliError {
    CliError::Output { path: PathBuf::from("the terminal"), cause }
}
