//! The thread that syncs the journal while another thread flushes the kv: one sync after the other
//! would take twice as long.

use std::io;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

type Job = Box<dyn FnOnce() -> io::Result<()> + Send>;
type Request = (Job, SyncSender<io::Result<()>>);

/// A thread that waits for syncs. It ends when the value is dropped.
#[derive(Debug)]
pub(crate) struct SyncThread {
    /// `None` while the value is dropped.
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl SyncThread {
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, received) = channel::<Request>();
        let run = move || {
            for (job, reply) in received {
                // Fails if the caller panicked meanwhile.
                let _ = reply.send(job());
            }
        };
        let thread = Builder::new().name("journal-sync".into()).spawn(run)?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Runs `job` on the thread, and `meanwhile` on this one. Returns when both have ended.
    pub(crate) fn run<T>(
        &self,
        job: impl FnOnce() -> io::Result<()> + Send + 'static,
        meanwhile: impl FnOnce() -> T,
    ) -> (io::Result<()>, T) {
        let (reply, result) = sync_channel(1);
        if let Some(requests) = &self.requests {
            // If the thread has ended, the receiver reports that.
            let _ = requests.send((Box::new(job), reply));
        }
        let done = meanwhile();
        let ended = |_| io::Error::other("the thread that syncs the journal has ended");
        (result.recv().map_err(ended).and_then(|synced| synced), done)
    }
}

impl Drop for SyncThread {
    fn drop(&mut self) {
        // Without a sender the thread ends.
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};
    use std::thread::{current, sleep};
    use std::time::Duration;

    #[test]
    fn jobs_run_beside_their_callers_on_one_thread() {
        let thread = SyncThread::start().unwrap();
        let id = |thread: &SyncThread| {
            // Both sides have to be running at the same time.
            let (both, mine) = (Arc::new(Barrier::new(2)), channel());
            let theirs = both.clone();
            let job = move || {
                theirs.wait();
                mine.0.send(current().id()).map_err(io::Error::other)
            };
            let (synced, _) = thread.run(job, || both.wait());
            synced.unwrap();
            mine.1.recv().unwrap()
        };
        let first = id(&thread);
        assert_ne!(first, current().id());
        assert_eq!(id(&thread), first);
        let (failed, done) = thread.run(|| Err(io::ErrorKind::StorageFull.into()), || 5);
        assert_eq!((failed.unwrap_err().kind(), done), (io::ErrorKind::StorageFull, 5));
    }

    #[test]
    fn a_panic_of_a_job_is_an_error_and_a_drop_does_not_hang() {
        let thread = SyncThread::start().unwrap();
        for _ in 0..2 {
            let (synced, ()) = thread.run(|| panic!("a job that panics"), || ());
            assert!(synced.is_err());
            sleep(Duration::from_millis(10));
        }
        drop(thread);
    }
}
