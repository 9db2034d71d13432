//! A supervisor such as systemd learns over the socket in `NOTIFY_SOCKET` that the server is ready,
//! that it lives, and that it stops.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{
    SECRET, Server, chain,
    faults::{Call, Effect, Fault, Faults},
    http, run_well, until,
};

/// `WATCHDOG_USEC` of the tests.
const WATCHDOG: Duration = Duration::from_millis(600);

/// The end of systemd.
struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn watches<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let timeout = WATCHDOG.as_micros().to_string();
        command.env("NOTIFY_SOCKET", self.path()).env("WATCHDOG_USEC", timeout)
    }

    /// Returns the next message; `None` if none arrives in time.
    fn next_within(&self, time: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..length].to_vec()).unwrap().lines().map(str::to_owned).collect())
    }

    fn next(&self) -> Vec<String> {
        self.next_within(Duration::from_secs(60)).expect("a message")
    }

    /// Waits for a message with a line that begins so; returns the lines of all messages until then.
    fn until(&self, begin: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let start = Instant::now();
        while !lines.iter().any(|line: &String| line.starts_with(begin)) {
            lines.extend(self.next());
            assert!(start.elapsed() < Duration::from_secs(60), "no {begin} in {lines:?}");
        }
        lines
    }

    fn forget(&self) {
        while self.next_within(Duration::from_millis(1)).is_some() {}
    }
}

fn readiness(server: &Server) -> u16 {
    http(&server.admin, "GET", "/readyz", None, "").status
}

fn start(supervisor: &Supervisor, data: &Path) -> Server {
    Server::start_with(data, SECRET, &[], |command| supervisor.watches(command))
}

#[test]
fn readiness_life_and_stop_are_reported() {
    let supervisor = Supervisor::new();
    let server = start(&supervisor, &supervisor.data());
    assert_eq!(supervisor.next(), [format!("STATUS=Opening {}", supervisor.data().display())]);
    assert_eq!(
        supervisor.next(),
        [
            "READY=1".to_owned(),
            format!("STATUS=serving on {}, dashboard on {}", server.url, server.admin),
            "WATCHDOG=1".to_owned(),
        ]
    );
    assert_eq!(readiness(&server), 200);
    let begin = Instant::now();
    for _ in 0..4 {
        assert_eq!(supervisor.next(), ["WATCHDOG=1"]);
    }
    // Four halves of the timeout; the first one began a little earlier.
    assert!(begin.elapsed() > WATCHDOG + WATCHDOG / 4, "{:?}", begin.elapsed());

    // A process that hangs gives no sign of life.
    server.signal("-STOP");
    supervisor.forget();
    assert_eq!(supervisor.next_within(2 * WATCHDOG), None);
    server.signal("-CONT");
    supervisor.until("WATCHDOG=1");

    server.signal("-TERM");
    assert!(supervisor.until("STOPPING=1").contains(&"STATUS=Stopping".to_owned()));
    assert_eq!(server.end(), Some(0));
    assert_eq!(supervisor.next_within(WATCHDOG), None);
}

#[test]
fn a_server_without_space_lives_and_is_not_ready() {
    let supervisor = Supervisor::new();
    let more = ["--set", "min_free_bytes=1000000GiB"];
    let server = Server::start_with(&supervisor.data(), SECRET, &more, |command| supervisor.watches(command));
    let reported = supervisor.until("STATUS=Not ready: ");
    assert!(!reported.contains(&"READY=1".to_owned()), "{reported:?}");
    assert_eq!(readiness(&server), 503);
    let start = Instant::now();
    // The free space in the message may change.
    while let Some(lines) = supervisor.next_within(2 * WATCHDOG)
        && start.elapsed() < 3 * WATCHDOG
    {
        assert!(lines.iter().all(|line| line.starts_with("STATUS=Not ready: ")), "{lines:?}");
    }
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_closed_store_is_reported_and_needs_no_restart() {
    let supervisor = Supervisor::new();
    let data = supervisor.data();
    run_well(&["import", "--data-dir", data.to_str().unwrap(), chain("deposit").to_str().unwrap()]);
    let faults = Faults::new(&data);
    let server =
        Server::start_with(&data, SECRET, &[], |command| supervisor.watches(faults.prepare(command)));
    supervisor.until("READY=1");
    let requeue = format!("/api/v1/jobs/{}/requeue", server.next_job("prover")["job_id"]);
    let fails = |calls: &[Call]| {
        faults.arm(calls, Fault::from(1, Effect::Io));
        assert!(server.post(&requeue, "").status >= 500);
    };
    fails(&[Call::Sync]);
    // The next write opens the store again, which fails as well.
    fails(&[Call::Read, Call::ReadAt]);
    supervisor.until("STATUS=Not ready: the store cannot be read");
    for _ in 0..3 {
        supervisor.until("WATCHDOG=1");
    }
    faults.disarm();
    let reported = supervisor.until("STATUS=serving on ");
    assert!(!reported.contains(&"READY=1".to_owned()), "readiness is reported once: {reported:?}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn without_the_variable_nothing_is_sent() {
    let supervisor = Supervisor::new();
    let server = Server::start_with(&supervisor.data(), SECRET, &[], |command| {
        command.current_dir(supervisor.folder.path()).env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
    });
    until(|| (readiness(&server) == 200).then_some(()));
    assert_eq!(supervisor.next_within(2 * WATCHDOG), None);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(supervisor.next_within(WATCHDOG), None);
}
