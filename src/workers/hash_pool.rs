//! The threads that compute hashes: the global pool of rayon, and another one for witnesses.
//!
//! rayon makes its threads at the first use, and if that fails, every later use panics. So they are
//! made before anything depends on them.

use std::error::Error;
use std::io;
use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::store::StoreError;

static WITNESSES: OnceLock<Result<ThreadPool, String>> = OnceLock::new();

/// Makes the threads of both pools, unless they exist.
///
/// # Errors
/// [`StoreError::Io`] if the system cannot make them. It stays so until the process ends.
pub(crate) fn start() -> Result<(), StoreError> {
    static GLOBAL: OnceLock<Result<(), String>> = OnceLock::new();
    let global = GLOBAL.get_or_init(|| match ThreadPoolBuilder::new().build_global() {
        Ok(()) => Ok(()),
        // Without an error of the system, another part of the program has made them already.
        Err(error) => error.source().map_or(Ok(()), |source| Err(source.to_string())),
    });
    let witnesses = WITNESSES.get_or_init(|| {
        let named = ThreadPoolBuilder::new().thread_name(|_| "witness-hash".to_owned());
        named.build().map_err(|error| error.to_string())
    });
    let made = global.clone().and(witnesses.as_ref().map(drop).map_err(Clone::clone));
    made.map_err(|cause| StoreError::io("starting the threads that compute hashes")(io::Error::other(cause)))
}

/// Runs the hashing of witnesses. In the global pool, a block that is imported would wait until the
/// blocks before it are hashed, because its threads take new work last.
pub(crate) fn run_for_witnesses<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match WITNESSES.get() {
        Some(Ok(pool)) => pool.install(work),
        _ => work(),
    }
}

/// Lets all other threads of the system run before those that hash witnesses.
pub(crate) fn lower_priority_of_witnesses() {
    if let Some(Ok(pool)) = WITNESSES.get() {
        pool.broadcast(|_| lower_priority());
    }
}

/// Lets all other threads of the system run before this one. It does nothing where the priority is
/// that of the whole process.
pub(crate) fn lower_priority() {
    // A refusal only costs the preference.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, LOW_PRIORITY);
}

/// A tenth of the weight of other threads in Linux's scheduler.
#[cfg(target_os = "linux")]
const LOW_PRIORITY: i32 = 10;

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, mpsc};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_global_pool_works_while_witnesses_take_every_thread_of_theirs() {
        start().unwrap();
        let threads = rayon::current_num_threads();
        let all_taken = Barrier::new(threads + 1);
        let done = Barrier::new(threads + 1);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    run_for_witnesses(|| {
                        all_taken.wait();
                        done.wait();
                    });
                });
            }
            all_taken.wait();
            let (sender, receiver) = mpsc::channel();
            rayon::spawn(move || sender.send(()).unwrap());
            let worked = receiver.recv_timeout(Duration::from_secs(60));
            done.wait();
            worked.unwrap();
        });
    }
}
