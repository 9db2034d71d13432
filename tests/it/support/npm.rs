//! Node projects of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Copies a Node project of `tests`, and further files, to `target` and installs its packages
/// there, so that nothing is written among the sources.
pub fn project(name: &str, more: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&project).unwrap();
    let sources = fs::read_dir(root.join("tests").join(name)).unwrap().map(|entry| entry.unwrap().path());
    let more = more.iter().map(|file| root.join(file));
    for source in sources.chain(more).filter(|source| source.is_file()) {
        fs::copy(&source, project.join(source.file_name().unwrap())).unwrap();
    }
    let lock = fs::read(project.join("package-lock.json")).unwrap();
    let installed = project.join("installed-lock.json");
    if !fs::read(&installed).is_ok_and(|before| before == lock) {
        // No package needs the scripts of what it depends on.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&project);
        succeeded(npm.output().expect("npm"));
        fs::write(&installed, lock).unwrap();
    }
    project
}

/// Returns the standard output of a command, which must have succeeded.
pub fn succeeded(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}
