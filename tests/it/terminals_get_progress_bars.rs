//! Progress bars and `top` on a pseudo-terminal, lines on a pipe.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{SECRET, Server, run, run_well};

/// Opens a pseudo-terminal; returns the end of the test and the end of the program.
fn terminal() -> (File, File) {
    let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    tcsetwinsize(&ours, Winsize { ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(ours), theirs)
}

/// Returns everything that a program writes to its terminal.
fn read_all(mut terminal: File) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    // A closed terminal reads as an error.
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.args(args).env_clear().env("API_PROVER_SECRET_AUTH", SECRET).env("TERM", "xterm-256color");
    command
}

fn sample_chain() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain").to_str().unwrap().to_owned()
}

#[test]
fn a_bar_on_a_terminal_has_no_colour_and_a_pipe_gets_lines() {
    let root = tempfile::tempdir().unwrap();
    let chain = sample_chain();
    let data = root.path().join("data");
    let args = ["run", "--import", &chain, "--until", "proven", "--data-dir", data.to_str().unwrap()];
    let (ours, theirs) = terminal();
    let mut child = command(&args).env("NO_COLOR", "1").stdout(Stdio::null()).stderr(theirs).spawn().unwrap();
    let shown = read_all(ours);
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("proven") && shown.contains('█'), "{shown}");
    assert!(!shown.contains("\u{1b}[3"), "coloured: {shown:?}");

    let other = root.path().join("other");
    let output =
        run(&["run", "--import", &chain, "--until", "proven", "--data-dir", other.to_str().unwrap()]);
    let lines = String::from_utf8(output.stderr).unwrap();
    assert!(lines.contains("proven 8/8") && !lines.contains('\u{1b}') && !lines.contains('\r'), "{lines:?}");
}

#[test]
fn the_log_has_colours_on_a_terminal_unless_disabled() {
    let root = tempfile::tempdir().unwrap();
    for (wanted, name) in [(true, "coloured"), (false, "plain")] {
        let data = root.path().join(name);
        let (ours, theirs) = terminal();
        let args = ["import", "--log", "debug", "--data-dir", data.to_str().unwrap(), &sample_chain()];
        let mut command = command(&args);
        if !wanted {
            command.env("NO_COLOR", "1");
        }
        let mut child = command.stdout(Stdio::null()).stderr(theirs).spawn().unwrap();
        drop(command);
        let shown = read_all(ours);
        assert!(child.wait().unwrap().success(), "{shown}");
        assert!(shown.contains("INFO"), "{shown}");
        assert_eq!(shown.contains("\u{1b}[32m"), wanted, "{shown:?}");
    }
}

#[test]
fn top_uses_the_alternate_screen_and_restores_the_terminal() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(root.path(), &[]);
    run_well(&["import", "--url", &server.url, &sample_chain()]);
    let (mut ours, theirs) = terminal();
    let mut child = command(&["top", "--url", &server.url])
        .stdin(theirs.try_clone().unwrap())
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs)
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut buffer = [0; 4096];
    while !shown.contains("q quits") {
        let read = ours.read(&mut buffer).unwrap();
        shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(shown.contains("\u{1b}[?1049h") && shown.contains("witnessed"), "{shown:?}");
    ours.write_all(b"q").unwrap();
    let rest = read_all(ours);
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert!(rest.contains("\u{1b}[?1049l") && rest.contains("\u{1b}[?25h"), "{rest:?}");
}
