//! The tokio runtime of a command, whose threads are made before it is used.
//!
//! tokio makes threads when they are needed. If the system refuses one then, a request waits for
//! another thread to become idle, forever if none for blocking work exists. So some of these are
//! made at the start and kept.

use std::io;
use std::panic;
use std::sync::{Arc, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::error::CliError;

/// Threads for blocking work that are made at the start.
const KEPT: usize = 4;
/// Time for which idle threads for blocking work are kept: without end.
const KEEP_ALIVE: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Longest wait for a thread to start.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the runtime of a command.
///
/// # Errors
/// [`CliError::Runtime`] if the system does not make its threads.
pub(crate) fn runtime() -> Result<Runtime, CliError> {
    start(None)
}

/// Starts a runtime with at most the given number of threads for blocking work.
///
/// # Errors
/// [`CliError::Runtime`] if the system does not make its threads.
pub(crate) fn with_blocking_threads(most: usize) -> Result<Runtime, CliError> {
    start(Some(most))
}

/// Starts a runtime on a thread of its own: tokio panics if it cannot make a thread, and then waits
/// for those that it has made, forever.
fn start(most: Option<usize>) -> Result<Runtime, CliError> {
    let (send, started) = mpsc::channel();
    // The error replaces the message of a panic.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let run = move || {
        // Fails if the wait has timed out.
        let _ = send.send(build(most));
    };
    let thread = thread::Builder::new().name("start".into()).spawn(run);
    let started = thread.and_then(|_| started.recv_timeout(2 * TIMEOUT).unwrap_or_else(|_| Err(refused())));
    panic::set_hook(usual);
    started.map_err(CliError::Runtime)
}

fn build(most: Option<usize>) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(most) = most {
        builder.max_blocking_threads(most.max(KEPT));
    }
    let runtime = builder.enable_all().thread_keep_alive(KEEP_ALIVE).build()?;
    if threads_start(&runtime) {
        return Ok(runtime);
    }
    // Its tasks may wait for threads that never start.
    runtime.shutdown_background();
    Err(refused())
}

/// Waits until the threads for blocking work run at the same time. Returns false if they do not.
fn threads_start(runtime: &Runtime) -> bool {
    let (running, arrivals) = mpsc::channel();
    let together = Arc::new(RwLock::new(()));
    // The threads that have started wait for this lock, so each task needs one of its own.
    let held = together.write();
    for _ in 0..KEPT {
        let (running, together) = (running.clone(), together.clone());
        drop(runtime.spawn_blocking(move || {
            // Fails if the wait has timed out.
            let _ = running.send(());
            drop(together.read());
        }));
    }
    let all = (0..KEPT).all(|_| arrivals.recv_timeout(TIMEOUT).is_ok());
    drop(held);
    all
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::WouldBlock, "the system makes no further thread")
}
