//! The threads that sled depends on.
//!
//! - sled makes a pool of threads when it is first used. It continues without those that the system
//!   refuses, and waits forever if it has none.
//! - A thread that flushes at intervals. sled's own one would write to the files while they are
//!   compared after the opening.
//! - A thread that wakes the callers that wait for a flush after a write has failed: if the last
//!   writer of a buffer leaves it to the pool and the write fails there, sled notifies none of them.

use std::fs::{self, File};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::fsync;
use crate::store::error::StoreError;
use crate::store::kv::sled_guard::guard;

/// Threads that the system must be able to make before sled makes its pool of seven.
const NEEDED: usize = 8;
/// Beginning of the names of the threads in sled's pool.
const POOL: &str = "sled-io-";
/// Time after which a call of sled is given up if its pool is empty.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval between two looks at a call of sled.
const LOOK: Duration = Duration::from_millis(100);

fn refused() -> impl FnOnce(io::Error) -> StoreError {
    StoreError::io("starting the threads of the kv")
}

/// Checks that the system makes enough threads for sled's pool.
///
/// # Errors
/// If it refuses one.
fn probe() -> Result<(), StoreError> {
    let together = Arc::new(Mutex::new(()));
    let held = together.lock();
    let mut threads = Vec::new();
    let mut result = Ok(());
    for _ in 0..NEEDED {
        let together = together.clone();
        match Builder::new().name("kv-probe".into()).spawn(move || drop(together.lock())) {
            Ok(thread) => threads.push(thread),
            Err(error) => result = Err(refused()(error)),
        }
    }
    drop(held);
    for thread in threads {
        let _ = thread.join();
    }
    result
}

/// Returns the number of threads in sled's pool; `None` if that is unknown.
fn pool_size() -> Option<usize> {
    let of_pool = |task: &fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with(POOL))
    };
    Some(fs::read_dir("/proc/self/task").ok()?.flatten().filter(of_pool).count())
}

/// Runs an operation of sled that needs its pool, on a thread of its own.
///
/// # Errors
/// If the system makes no threads. Then the operation never ends, and what it has opened stays open.
pub(crate) fn with_pool<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    if pool_size().is_none_or(|threads| threads == 0) {
        probe()?;
    }
    let (done, outcome) = mpsc::channel();
    let work = move || {
        // Fails if the caller has given up.
        let _ = done.send(run());
    };
    Builder::new().name("kv-open".into()).spawn(work).map_err(refused())?;
    let begin = Instant::now();
    loop {
        match outcome.recv_timeout(LOOK) {
            Ok(outcome) => return outcome,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(StoreError::Kv("the thread that opens it has ended".into()));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if begin.elapsed() > EMPTY_TIMEOUT && pool_size() == Some(0) {
            return Err(refused()(io::Error::new(io::ErrorKind::WouldBlock, "the system makes no thread")));
        }
    }
}

/// True once the threads are to end.
#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for the interval; returns true if the thread is to end.
    fn wait(&self, interval: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, interval, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A thread that runs at intervals until the value is dropped.
struct Repeated {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Repeated {
    /// Calls `run` once per interval until it returns false.
    fn start(
        name: &str,
        interval: Duration,
        mut run: impl FnMut() -> bool + Send + 'static,
    ) -> Result<Self, StoreError> {
        let stop = Arc::new(Stop::default());
        let theirs = stop.clone();
        let work = move || while !theirs.wait(interval) && run() {};
        let thread = Builder::new().name(name.into()).spawn(work).map_err(refused())?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The two threads of an open sled, which end when the value is dropped.
pub(crate) struct SledThreads {
    // In the order in which they end: a flush may wait to be woken.
    _flusher: Repeated,
    _waker: Repeated,
}

impl SledThreads {
    /// Starts them. `file` is sled's file.
    ///
    /// # Errors
    /// If the system makes no thread.
    pub(crate) fn start(sled: &sled::Db, file: File, flush_every: Duration) -> Result<Self, StoreError> {
        let flushed = sled.clone();
        let flush = move || {
            let flushed = guard(|| Ok(flushed.flush()?));
            // The next acknowledged write reports such an error as well.
            if flushed.as_ref().is_ok_and(|bytes| *bytes > 0) && fsync::sync_file(&file).is_err() {
                tracing::warn!("cannot sync the kv");
            }
            flushed.is_ok()
        };
        let woken = sled.clone();
        let wake = move || {
            let failed = woken.context.global_error().is_err();
            if failed {
                // sled creates nothing after a failed write, and notifies all that wait.
                let _ = guard(|| Ok(woken.open_tree("waker")?));
            }
            !failed
        };
        Ok(Self {
            _flusher: Repeated::start("kv-flush", flush_every, flush)?,
            _waker: Repeated::start("kv-wake", LOOK, wake)?,
        })
    }
}
