//! A `devnet` process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{Answer, http};

/// A running devnet; killed when dropped.
pub struct Devnet {
    child: Child,
    /// Its output before it was ready.
    pub printed: String,
    pub rpc: String,
    pub rest: String,
    pub board: String,
}

impl Devnet {
    /// Starts a devnet on free ports.
    pub fn start(more: &[&str]) -> Self {
        let defaults = [
            ["--rpc-listen", "127.0.0.1:0"],
            ["--rest-listen", "127.0.0.1:0"],
            ["--listen", "127.0.0.1:0"],
            ["--admin-listen", "127.0.0.1:0"],
            ["--block-time", "100ms"],
        ];
        let mut child = Command::new(env!("CARGO_BIN_EXE_witness-server"))
            .arg("devnet")
            .args(defaults.iter().filter(|[name, _]| !more.contains(name)).flatten())
            .args(more)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut printed = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !printed.ends_with("ready\n") {
            let line = lines.next().unwrap_or_else(|| panic!("the devnet ended:\n{printed}")).unwrap();
            printed = printed + &line + "\n";
        }
        // Whatever else it prints is read, so that it does not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let url = |name: &str| {
            let line = printed.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            let url = line.split_whitespace().find(|word| word.starts_with("http://"));
            url.unwrap_or_else(|| panic!("no {name} in:\n{printed}")).trim_end_matches('/').to_owned()
        };
        let (rpc, rest, board) = (url("JSON-RPC"), url("REST").replace("/api/v0.2", ""), url("Dashboard"));
        Self { child, rpc, rest, board, printed }
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Calls a method of JSON-RPC; returns the whole answer.
    pub fn call(&self, method: &str, params: Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post_rpc(&call.to_string()).accepted().json()
    }

    /// Kills the process (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn post_rpc(&self, body: &str) -> Answer {
        http(&self.rpc, "POST", "/", None, body)
    }

    /// Calls an own endpoint of the devnet on the REST address.
    pub fn own(&self, path: &str, body: &Value) -> Answer {
        http(&self.rest, "POST", &format!("/devnet/{path}"), None, &body.to_string())
    }

    /// Reads an endpoint of REST v0.2; returns the whole answer.
    pub fn get(&self, path: &str) -> Value {
        http(&self.rest, "GET", &format!("/api/v0.2{path}"), None, "").accepted().json()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls a method of JSON-RPC; returns the whole answer, or `None` if the devnet is gone.
pub fn try_call(rpc: &str, method: &str, params: &Value) -> Option<Value> {
    let address = rpc.strip_prefix("http://")?;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    // An answer that was cut off is none.
    serde_json::from_str(body).ok()
}
