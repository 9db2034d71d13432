//! Libraries that are preloaded into a process, from `tests/preload`, each compiled once.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a library and returns its path.
pub fn compile(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("{name}.so"));
    let new = folder.join(format!("{name}-{}.so", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preload").join(name).with_extension("c");
    let compiler = Command::new("cc")
        .args([
            "-std=gnu11",
            "-shared",
            "-fPIC",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-U_FORTIFY_SOURCE",
            "-o",
        ])
        .args([&new, &source])
        .args(["-lpthread"])
        .output()
        .expect("this test needs a C compiler that is called `cc`, see CONTRIBUTING.md");
    assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
    // Other test programs may replace it with the same library at the same time.
    std::fs::rename(new, &library).unwrap();
    library
}
