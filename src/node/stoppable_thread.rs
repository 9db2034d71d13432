//! A thread of the link with a runtime of its own, which can be stopped.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::watch;

/// A thread that [`stop`](Self::stop) ends.
pub(super) struct StoppableThread {
    stopping: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl StoppableThread {
    /// Starts a thread. The future of `task` has to end once the value is true or its sender is
    /// dropped.
    ///
    /// # Errors
    /// Fails if the system refuses the thread or its runtime.
    pub(super) fn start<F: Future<Output = ()>>(
        name: &str,
        task: impl FnOnce(watch::Receiver<bool>) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let (stopping, stop) = watch::channel(false);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(task(stop));
            // A statement in flight is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { stopping, thread })
    }

    /// Waits until the task has ended.
    pub(super) fn stop(self) {
        self.stopping.send_replace(true);
        // A panic was reported by its hook.
        let _ = self.thread.join();
    }
}
