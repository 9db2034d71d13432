//! A test on a small file system of its own, mounted for it alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Names the folder in the process in which the file system is mounted.
const VARIABLE: &str = "SMALL_DISK";

/// Gives the folder of a small file system to a test, and to nobody else: `let Some(disk) = on_small_disk(…) else { return };`.
///
/// The test runs twice. The first time this runs its program again, for that test alone, in a mount namespace with a tmpfs of so many
/// MiB, and gives `None` when it has passed there. Where the system allows no such namespace, it says `skipped` and gives `None`.
///
/// # Panics
/// When the test fails in there.
pub fn on_small_disk(test: &str, mebibytes: u32) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(VARIABLE) {
        return Some(folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    // As an ordinary user with a user namespace, else as root without one.
    let refusals = ["-Urm", "-m"].map(|namespaces| {
        let tried = mounted(namespaces, 1, folder.path(), "true", &[]);
        if tried.status.success() { Ok(namespaces) } else { Err(words(&tried)) }
    });
    let Some(namespaces) = refusals.iter().find_map(|tried| tried.as_ref().ok()) else {
        println!("skipped: cannot mount a small file system here: {refusals:?}");
        return None;
    };
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", test, "--nocapture"];
    let ran = mounted(namespaces, mebibytes, folder.path(), program.to_str().unwrap(), &arguments);
    let said = words(&ran);
    println!("{said}");
    assert!(ran.status.success() && said.contains("1 passed"), "{test} failed on a small disk:\n{said}");
    None
}

/// Runs a program in namespaces of its own, with a tmpfs on the folder.
fn mounted(namespaces: &str, mebibytes: u32, folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let script = format!(
        "mount -t tmpfs -o size={mebibytes}m none \"$1\" && export {VARIABLE}=\"$1\" && shift && exec \"$@\""
    );
    Command::new("unshare")
        .args([namespaces, "sh", "-c", &script, "sh"])
        .arg(folder)
        .arg(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| Output {
            status: std::os::unix::process::ExitStatusExt::from_raw(127 << 8),
            stdout: Vec::new(),
            stderr: error.to_string().into_bytes(),
        })
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}
