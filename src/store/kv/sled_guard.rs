//! Errors and panics of sled, which become errors of the store.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::store::error::{StoreError, is_of_content};

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            // A file that ends too early is damaged. An error of the lock is not about the content.
            sled::Error::Io(error) if is_of_content(&error) => {
                StoreError::corrupt(format!("the kv cannot be read ({error})"))
            }
            sled::Error::Io(error) => StoreError::io("reading or writing the kv")(error),
            sled::Error::Corruption { .. } => StoreError::corrupt("the kv has a bad checksum"),
            // The configuration is the same for every folder, so a difference is in the files.
            other => StoreError::corrupt(format!("the kv cannot be read ({other})")),
        }
    }
}

thread_local! {
    /// True while this thread runs sled's code.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Installs a panic hook that does not print panics of sled: they become errors.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let of_sled = |name: &str| name.starts_with("sled-") || name.starts_with("log flusher");
            if GUARDED.get() || std::thread::current().name().is_some_and(of_sled) {
                let place = info.location().map(ToString::to_string);
                tracing::debug!(place, "sled panicked");
            } else {
                usual(info);
            }
        }));
    });
}

/// Turns a panic of sled, such as one on damaged files, into an error.
pub(crate) fn guard<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    quiet_panics();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        // sled unwraps some errors of the system.
        if OF_SYSTEM.iter().any(|sign| text.contains(sign)) {
            return Err(StoreError::Kv(text.into()));
        }
        Err(StoreError::corrupt(format!("the kv cannot be read ({text})")))
    })
}

/// Parts of the message of a panic that is caused by an error of the system.
const OF_SYSTEM: [&str; 5] = ["Os {", "os error", "kind: Other", "spawn", "lru was constructed"];
