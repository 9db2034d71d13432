//! Shared parts of the tests: a server process, plain HTTP over a socket, sample data.

pub mod browser;
pub mod crash;
mod devnet;
pub mod disk;
pub mod faults;
pub mod following;
pub mod history;
mod history_tests;
pub mod invariants;
pub mod journal;
pub mod json_references;
pub mod load;
pub mod node_database;
pub mod node_world;
pub mod node_writer;
pub mod npm;
pub mod postgres;
pub mod power;
pub mod preload;
pub mod real_folder;
pub mod sealed_chain;
pub mod sources;
pub mod tcp_proxy;
pub mod terminal;
pub mod vectors;
pub mod world;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant, UNIX_EPOCH},
};

pub use devnet::{Devnet, try_call};
use serde_json::{Value, json};
use zksync_witness_server::api::tokens::Authenticator;
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::crypto::Fr;
use zksync_witness_server::testing::internals::domain::{H256, public_input};

pub const SECRET: &str = "secret of the tests";
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns a chain folder of the test vectors.
pub fn chain(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/chains").join(name)
}

/// Returns the path of the sample chain.
pub fn sample_chain() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain").to_str().unwrap().to_owned()
}

/// Makes a data folder with the sample chain and its witnesses, which are built once for each build
/// of the program.
pub fn witnessed_sample(folder: &Path) {
    static WITNESSED: LazyLock<PathBuf> = LazyLock::new(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let built = std::fs::metadata(env!("CARGO_BIN_EXE_witness-server")).unwrap().modified().unwrap();
        let name = |build: &str| format!("witnessed-sample-chain-{build}");
        let witnessed = all.join(name(&built.duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string()));
        if !witnessed.exists() {
            for older in std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap()) {
                if older.file_name().to_str().is_some_and(|other| other.starts_with(&name(""))) {
                    // Another process may have removed it.
                    let _ = std::fs::remove_dir_all(older.path());
                }
            }
            let new = tempfile::tempdir_in(all).unwrap();
            let folder = new.path().join("data");
            let dir = folder.to_str().unwrap();
            run_well(&["import", "--data-dir", dir, &sample_chain()]);
            run_well(&["witness", "--data-dir", dir]);
            // Another process that runs tests may have been first.
            if std::fs::rename(&folder, &witnessed).is_err() {
                assert!(witnessed.exists());
            }
        }
        witnessed
    });
    real_folder::copy(&WITNESSED, folder);
}

/// Returns a block of the sample chain, as imported.
pub fn sample_block(number: u32) -> Value {
    let file = Path::new(&sample_chain()).join(format!("blocks/{number:06}.json"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Returns the body that publishes a proof of a claimed job.
pub fn publication(job: &Value, data: &Value) -> String {
    let (first, last) = (&job["first_block"], &job["last_block"]);
    json!({"job_id": job["job_id"], "first_block": first, "last_block": last, "data": data}).to_string()
}

/// Returns the content of a `.zst` file.
pub fn unpacked(path: &Path) -> Vec<u8> {
    zstd::decode_all(&std::fs::read(path).unwrap()[..]).unwrap()
}

pub fn genesis(name: &str) -> Vec<u8> {
    unpacked(&chain(name).join("genesis.json.zst"))
}

pub fn block(name: &str) -> Value {
    serde_json::from_slice(&unpacked(&chain(name).join("blocks/000001.json.zst"))).unwrap()
}

/// Returns the public input that a proof of the imported block must have.
pub fn input_of(imported: &Value) -> Fr {
    let commitment: H256 = serde_json::from_value(imported["block"]["block_commitment"].clone()).unwrap();
    public_input(&commitment)
}

/// Runs the binary to its end.
pub fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.args(args).env_clear().env("API_PROVER_SECRET_AUTH", SECRET).output().unwrap()
}

/// Returns a command of the binary on a data folder.
pub fn command_on(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.args(args).arg("--data-dir").arg(folder).env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
    command
}

/// Returns the command that runs one test of a module in a process of its own.
pub fn this_test(module: &str, test: &str) -> Command {
    let (_, module) = module.split_once("::").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]);
    command
}

/// Runs the binary, which must succeed; returns its standard output.
pub fn run_well(args: &[&str]) -> Vec<u8> {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs the binary, which must fail with the given exit code and one sentence; returns the
/// sentence.
pub fn run_badly(args: &[&str], code: i32) -> String {
    let output = run(args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    let sentence = error.lines().filter(|line| line.starts_with("witness-server: ")).collect::<Vec<_>>();
    assert_eq!(sentence.len(), 1, "{error}");
    sentence[0].to_owned()
}

/// Runs a command, which must end in time; a process that hangs does not outlive the test.
pub fn ended(command: &mut Command) -> Output {
    struct Running(Option<Child>);
    impl Drop for Running {
        fn drop(&mut self) {
            if let Some(child) = &mut self.0 {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(Some(command.spawn().unwrap()));
    until(|| running.0.as_mut()?.try_wait().unwrap());
    running.0.take().unwrap().wait_with_output().unwrap()
}

/// Waits until no other heavy test runs: one that keeps several cores busy for seconds would starve
/// those that measure time. A test that keeps one core busy is not heavy.
pub fn heavy() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A `serve` process; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub admin: String,
}

impl Server {
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_with_secret(folder, SECRET, more)
    }

    pub fn start_with_secret(folder: &Path, secret: &str, more: &[&str]) -> Self {
        Self::start_with(folder, secret, more, |command| command)
    }

    /// Starts a server like [`start_with_secret`](Self::start_with_secret) with the log in a file.
    pub fn start_logging(folder: &Path, secret: &str, more: &[&str], log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        Self::start_with(folder, secret, more, |command| command.stderr(log))
    }

    /// Starts a server like [`Server::start_with_secret`] after a change of the command.
    pub fn start_with(
        folder: &Path,
        secret: &str,
        more: &[&str],
        change: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .args(["--set", "prepare_data_interval=200ms"])
            .args(more)
            .env_clear()
            .env("API_PROVER_SECRET_AUTH", secret)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = change(&mut command).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses = line.trim().strip_prefix("serving on ").unwrap_or_else(|| panic!("{line:?}"));
        let (url, admin) = addresses.split_once(", dashboard on ").unwrap();
        Self { child, url: url.to_owned(), admin: admin.to_owned() }
    }

    /// Opens a connection whose reads fail after a minute.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request with a valid token.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        http(&self.url, method, path, Some(&token()), body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, body)
    }

    pub fn get_job(&self, prover: &str) -> Value {
        let answer = self.ask("GET", "/get_job", &json!({"prover_name": prover, "aux_data": {}}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Claims a job, waiting until one is available.
    pub fn next_job(&self, prover: &str) -> Value {
        until(|| Some(self.get_job(prover)).filter(|job| job["job_id"] != 0))
    }

    /// Waits until a value of the status equals the expected one.
    pub fn wait_for(&self, pointer: &str, expected: u64) {
        until(|| (self.get("/api/v1/status").json().pointer(pointer)? == expected).then_some(()));
    }

    /// Kills the process (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the process (SIGTERM); returns the exit code.
    pub fn terminate(self) -> Option<i32> {
        self.signal("-TERM");
        self.end()
    }

    /// Sends the process a signal, such as `-INT`.
    pub fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the process; returns the exit code.
    pub fn end(mut self) -> Option<i32> {
        until(|| self.child.try_wait().unwrap()).code()
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a free port below the ephemeral ones: the system does not assign it to another socket
/// before it is used.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 1_000) as u16 * 10;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Repeats a function until it returns a value.
pub fn until<T>(mut question: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns a token that is valid for an hour.
pub fn token() -> String {
    let life = Duration::from_secs(3600);
    Authenticator::new(&Secret::new(SECRET).unwrap()).mint("Authorization", life).unwrap()
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Checks the status and the code of a problem, which also has a message.
    pub fn refused(&self, status: u16, code: &str) {
        self.refused_about(status, code, "");
    }

    /// Checks status and code of a problem, and that its message names a value.
    pub fn refused_about(&self, status: u16, code: &str, value: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        let message = problem["message"].as_str().unwrap();
        assert!(!message.is_empty() && message.contains(value), "{value:?} is not in {message:?}");
    }

    pub fn accepted(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }
}

/// Sends a request on a connection of its own.
pub fn http(url: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
    http_with(url, method, path, token, "", body)
}

/// Sends a request like [`http`] with more header lines, each ending in CR LF; with
/// `Transfer-Encoding` among them, the body is already framed.
pub fn http_with(
    url: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    headers: &str,
    body: &str,
) -> Answer {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let framing = if headers.contains("Transfer-Encoding") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{token}{headers}{framing}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8(answer).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}

/// Returns the number in an environment variable, or the default.
pub fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a whole number"))
}

/// A command that runs without output; killed when dropped.
pub struct Quiet(Child);

impl Quiet {
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(args).env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that has ended.
pub struct Ended {
    pub code: Option<i32>,
    pub output: Vec<u8>,
    pub error: String,
}

impl Ended {
    /// Checks the exit code, and that one sentence says why.
    pub fn is_one_sentence(&self, code: i32, at: &str) {
        let sentences = self.error.lines().filter(|line| line.starts_with("witness-server: ")).count();
        assert_eq!((self.code, sentences), (Some(code), 1), "{at}: {}", self.error);
        assert!(!self.error.contains("panicked"), "{at}: {}", self.error);
    }
}

/// Runs a command to its end, which has to come.
pub fn run_to_end(command: &mut Command) -> Ended {
    begun(command).end()
}

/// A command that runs; killed when dropped.
pub struct Begun {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    error: Option<std::thread::JoinHandle<String>>,
    /// The first line of a server.
    pub line: String,
}

/// Starts a command with its output in pipes.
pub fn begun(command: &mut Command) -> Begun {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    let read = move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Begun { child, lines, error: Some(std::thread::spawn(read)), line: String::new() }
}

impl Begun {
    /// Waits until a server serves. Returns false if it ends instead.
    pub fn is_serving(&mut self) -> bool {
        while !self.line.starts_with("serving on ") {
            self.line.clear();
            if self.lines.read_line(&mut self.line).unwrap() == 0 {
                return false;
            }
        }
        true
    }

    /// Waits for the end of the command.
    pub fn end(mut self) -> Ended {
        // A command that hangs is killed, so that its pipes end.
        let id = self.child.id().to_string();
        let (ended, waits) = std::sync::mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let in_time = waits.recv_timeout(PATIENCE) != Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if !in_time {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
            in_time
        });
        let mut output = Vec::new();
        self.lines.read_to_end(&mut output).unwrap();
        let code = self.child.wait().unwrap().code();
        drop(ended);
        assert!(watch.join().unwrap(), "the command hangs");
        let error = self.error.take().unwrap().join().unwrap();
        Ended { code, output, error }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
