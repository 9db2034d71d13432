//! Progress bars and coloured logs on a pseudo-terminal, lines on a pipe.

use std::process::Stdio;

use crate::support::terminal::{command, read_all, terminal};
use crate::support::{run, sample_chain};

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
