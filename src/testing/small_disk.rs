//! A test on a small file system of its own, mounted for it alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Holds the path of the mounted file system in the process that may use it.
const VARIABLE: &str = "SMALL_DISK";

/// Gives a test the folder of a small file system of its own:
/// `let Some(disk) = on_small_disk(module_path!(), "name_of_the_test", 32) else { return };`.
///
/// The test runs twice. The first call runs the test program again, for that test alone, in a mount
/// namespace with a tmpfs of the given size in MiB, and returns `None` once the test has passed
/// there. Mark the test `#[ignore = "needs mount namespaces"]`: not every system allows them.
///
/// # Panics
/// If the test fails on the small file system, or no file system can be mounted.
pub fn on_small_disk(module: &str, test: &str, mebibytes: u32) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(VARIABLE) {
        return Some(folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    // An ordinary user needs a user namespace; root may be forbidden to make one.
    let refusals = ["-Urm", "-m"].map(|namespaces| {
        let tried = mounted(namespaces, 1, folder.path(), "true", &[]);
        if tried.status.success() { Ok(namespaces) } else { Err(text(&tried)) }
    });
    let Some(namespaces) = refusals.iter().find_map(|tried| tried.as_ref().ok()) else {
        panic!("cannot mount a small file system here: {refusals:?}");
    };
    let program = std::env::current_exe().unwrap();
    // The test harness names tests without the name of the crate.
    let module = module.split_once("::").map_or("", |(_, module)| module);
    let arguments = ["--exact", &format!("{module}::{test}"), "--nocapture", "--include-ignored"];
    let ran = mounted(namespaces, mebibytes, folder.path(), program.to_str().unwrap(), &arguments);
    let text = text(&ran);
    println!("{text}");
    assert!(ran.status.success() && text.contains("1 passed"), "{test} failed on a small disk:\n{text}");
    None
}

/// Runs a program in namespaces of its own, with a tmpfs mounted on the folder.
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

/// Both outputs of a program.
fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}
