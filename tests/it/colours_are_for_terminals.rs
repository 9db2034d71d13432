//! States have colours on a terminal, unless it is without colours or they are disabled; never
//! elsewhere.

use std::path::Path;
use std::process::Stdio;

use crate::support::terminal::{command, read_all, terminal};
use crate::support::{SECRET, Server, run_well, sample_chain, witnessed_sample};

const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const DIM: &str = "\u{1b}[2m";

/// Returns what a command writes to a terminal as its standard output.
fn shown(args: &[&str], variables: &[(&str, &str)]) -> String {
    let (ours, theirs) = terminal();
    let mut command = command(args);
    command.envs(variables.iter().copied()).stdout(theirs).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    let shown = read_all(ours);
    child.wait().unwrap();
    shown
}

#[test]
fn states_are_coloured_where_they_matter() {
    let folder = tempfile::tempdir().unwrap();
    witnessed_sample(folder.path());
    let server = Server::start(folder.path(), &[]);
    let url = ["--url", &*server.url];
    server.wait_for("/jobs/idle", 8);
    let of_server = |args: &[&str], variables: &[(&str, &str)]| shown(&[args, &url].concat(), variables);
    // Nothing is wrong and nothing is done.
    for args in [&["status"][..], &["jobs"], &["provers"], &["blocks"]] {
        let shown = of_server(args, &[]);
        assert!(!shown.is_empty() && !shown.contains('\u{1b}'), "{args:?}: {shown:?}");
    }
    run_well(&["prover", "--url", &server.url, "--prove-time", "1ms", "--exit-when-idle", "300ms"]);
    run_well(&["provers", "block", "sample-prover", "--url", &server.url]);
    run_well(&["jobs", "pause", "--url", &server.url]);
    for (args, expected) in [
        (&["status"][..], format!("{YELLOW}Claims have been paused")),
        (&["jobs", "list"], format!("{DIM}done\u{1b}[0m")),
        (&["provers", "list"], format!("{YELLOW}blocked\u{1b}[0m")),
        (&["top", "--once"], format!("{YELLOW}CLAIMS PAUSED\u{1b}[0m")),
    ] {
        let coloured = of_server(args, &[]);
        assert!(coloured.contains(&expected) && !coloured.contains(RED), "{args:?}: {coloured:?}");
        let piped = String::from_utf8(run_well(&[args, &url].concat())).unwrap();
        let plain = [("NO_COLOR", "1"), ("TERM", "dumb")].map(|variable| of_server(args, &[variable]));
        for text in plain.iter().chain([&piped]) {
            assert!(!text.is_empty() && !text.contains('\u{1b}'), "{args:?}: {text:?}");
        }
    }
    // JSON has no colours.
    assert!(!of_server(&["provers", "list", "--json"], &[]).contains('\u{1b}'));
}

#[test]
fn trouble_is_red_and_an_unfinished_run_yellow() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let args = ["run", &sample_chain(), "--until", "proven", "--provers", "0", "--timeout", "1s", "-d", data];
    let table = shown(&args, &[]);
    assert!(table.contains(&format!("{YELLOW}    0/8\u{1b}[0m")), "{table:?}");
    assert!(!shown(&args, &[("NO_COLOR", "1")]).contains('\u{1b}'));
    let empty = folder.path().join("empty");
    let empty = empty.to_str().unwrap();
    let server = Server::start(Path::new(empty), &[]);
    let status = shown(&["status", "--url", &server.url], &[]);
    assert!(status.contains(&format!("{RED}No genesis is imported")), "{status:?}");
}

#[test]
fn the_log_follows_the_same_rule() {
    let log = |variables: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = terminal();
        let server = Server::start_with(folder.path(), SECRET, &[], |command| {
            command.envs(variables.iter().copied()).stderr(theirs)
        });
        assert_eq!(server.terminate(), Some(0));
        read_all(ours)
    };
    let colours = ("TERM", "xterm-256color");
    let coloured = log(&[colours]);
    assert!(coloured.contains("\u{1b}[32m INFO"), "{coloured:?}");
    for variables in [&[("TERM", "dumb")][..], &[], &[colours, ("NO_COLOR", "1")]] {
        let plain = log(variables);
        assert!(plain.contains("INFO") && !plain.contains('\u{1b}'), "{variables:?}: {plain:?}");
    }
}
