//! `top` on a pseudo-terminal: its keys, and its screen while its server does not answer.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::support::terminal::{command, terminal};
use crate::support::{Quiet, Server, run_well, witnessed_sample};

/// The end of every screen.
const END: &str = "? helps";

/// `top` on a terminal.
struct Top {
    child: Child,
    keys: File,
    output: Receiver<String>,
    /// Everything that was written since the last screen that was waited for.
    shown: String,
}

impl Top {
    fn start(args: &[&str]) -> Self {
        let (ours, theirs) = terminal();
        let mut command = command(&[&["top"], args].concat());
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
        let child = command.spawn().unwrap();
        let (sender, output) = channel();
        let mut reader = ours.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            // A closed terminal reads as an error.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys: ours, output, shown: String::new() }
    }

    /// Waits for a whole screen for which `is_expected` returns true.
    fn wait_for(&mut self, is_expected: impl Fn(&str) -> bool) -> String {
        loop {
            while let Some((screen, rest)) = self.shown.split_once(END) {
                let (screen, rest) = (screen.to_owned(), rest.to_owned());
                self.shown = rest;
                if is_expected(&screen) {
                    return screen;
                }
            }
            let more = self.output.recv_timeout(Duration::from_secs(60));
            self.shown.push_str(&more.unwrap_or_else(|_| panic!("no such screen: {:?}", self.shown)));
        }
    }

    fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).unwrap();
    }

    /// Returns what was written until the end, once `q` was pressed.
    fn quit(mut self) -> String {
        self.press("q");
        assert!(self.child.wait().unwrap().success());
        while let Ok(more) = self.output.recv_timeout(Duration::from_millis(500)) {
            self.shown.push_str(&more);
        }
        std::mem::take(&mut self.shown)
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(folder: &Path) -> Server {
    witnessed_sample(folder);
    let server = Server::start(folder, &[]);
    server.wait_for("/jobs/idle", 8);
    server
}

#[test]
fn keys_sort_help_and_quit() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    for name in ["p1", "p2"] {
        server.get_job(name);
    }
    run_well(&["provers", "block", "p2", "--url", &server.url]);
    let mut top = Top::start(&["--url", &server.url, "-i", "200ms"]);
    let first = top.wait_for(|screen| screen.contains("blocked"));
    assert!(first.contains("\u{1b}[?1049h") && first.contains("-- provers, by name"), "{first:?}");
    assert!(first.contains("\u{1b}[33mblocked\u{1b}[0m"), "{first:?}");
    // The row of a prover stands after the heading.
    let order = |screen: &str| {
        let (_, provers) = screen.split_once("-- provers").unwrap();
        provers.find("p1").unwrap() < provers.find("p2").unwrap()
    };
    assert!(order(&first), "{first:?}");
    top.press("s");
    top.wait_for(|screen| screen.contains("-- provers, by silence"));
    top.press("s");
    let troubled = top.wait_for(|screen| screen.contains("-- provers, by trouble"));
    assert!(!order(&troubled), "{troubled:?}");
    top.press("?");
    top.wait_for(|screen| screen.contains("sort the lists") && !screen.contains("-- provers"));
    top.press("h");
    top.wait_for(|screen| screen.contains("-- provers, by trouble"));
    let rest = top.quit();
    assert!(rest.contains("\u{1b}[?1049l") && rest.contains("\u{1b}[?25h"), "{rest:?}");
    let once = run_well(&["top", "--once", "--sort", "silence", "--url", &server.url]);
    assert!(String::from_utf8(once).unwrap().contains("-- provers, by silence"));
}

#[test]
fn it_says_that_the_server_is_away_and_continues_when_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut top = Top::start(&["--url", &server.url.clone(), "-i", "200ms"]);
    top.wait_for(|screen| screen.contains("witnessed"));
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    server.signal("-KILL");
    assert_eq!(server.end(), None);
    let away = top.wait_for(|screen| screen.contains("requests continue"));
    // The last state stays, below the reason.
    assert!(away.contains("\u{1b}[31mThe state below is ") && away.contains("witnessed"), "{away:?}");
    let path = folder.path().to_str().unwrap();
    let _again =
        Quiet::start(&["serve", "--listen", &address, "--admin-listen", "127.0.0.1:0", "--data-dir", path]);
    top.wait_for(|screen| screen.contains("witnessed") && !screen.contains("requests continue"));
    top.quit();
}

#[test]
fn keys_work_while_the_server_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut top = Top::start(&["--url", &server.url, "-i", "50ms"]);
    top.wait_for(|screen| screen.contains("witnessed"));
    server.signal("-STOP");
    top.wait_for(|screen| screen.contains("requests continue"));
    // The next requests wait for an answer by now.
    std::thread::sleep(Duration::from_millis(500));
    let pressed = Instant::now();
    top.press("?");
    top.wait_for(|screen| screen.contains("sort the lists"));
    top.quit();
    let taken = pressed.elapsed();
    server.signal("-CONT");
    // An answer is awaited for 3 s.
    assert!(taken < Duration::from_secs(2), "{taken:?}");
}
