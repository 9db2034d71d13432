//! A PostgreSQL cluster of a test: in a temporary folder, on a free port, with Debian's programs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{free_port, until};

/// The role that owns the databases; it needs no password.
pub const OWNER: &str = "node";
/// User and group `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A running or stopped cluster. Dropping it stops and removes it.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    /// Creates a cluster and starts it with further settings, such as `max_connections=5`.
    pub fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The unprivileged user passes through it.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut cluster = Self { folder, port: 0, process: None };
        let data = cluster.data();
        fs::create_dir(&data).unwrap();
        if is_root() {
            chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let created = unprivileged("initdb")
            .args(["--no-sync", "--auth=trust", "--wal-segsize=1", "--locale=C", "--encoding=UTF8"])
            .args(["--username", OWNER, "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        let roles = format!("host all {OWNER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
        cluster.write("pg_hba.conf", &roles);
        let fixed = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // A kill of the processes loses nothing that was written to the files.
            "fsync=off",
            "shared_buffers=16MB",
        ];
        let lines: Vec<String> = fixed.iter().chain(settings).map(|setting| assignment(setting)).collect();
        cluster.write("postgresql.auto.conf", &lines.concat());
        while !cluster.try_start(free_port()) {}
        cluster
    }

    /// Writes a file of the cluster, readable by it only.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the stopped cluster on its port.
    pub fn start_again(&mut self) {
        // After a kill, the processes of the old server end shortly before a new one may start.
        until(|| self.try_start(self.port).then_some(()));
    }

    /// Starts the cluster; returns false if its process ends, for instance since the port is taken.
    fn try_start(&mut self, port: u16) -> bool {
        assert!(self.process.is_none(), "the cluster runs");
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut process = unprivileged("postgres")
            .args(["-p", &port.to_string(), "-D"])
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let runs = until(|| {
            if process.try_wait().unwrap().is_some() {
                return Some(false);
            }
            // The last line of the file is the state of the server.
            let state = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
            (state.starts_with(&format!("{}\n", process.id())) && state.trim_end().ends_with("ready"))
                .then_some(true)
        });
        if runs {
            (self.port, self.process) = (port, Some(process));
        }
        runs
    }

    /// Stops the cluster; its connections are closed.
    pub fn stop(&mut self) {
        self.end("-INT");
    }

    /// Kills the server (SIGKILL); its other processes end when they notice.
    pub fn kill(&mut self) {
        self.end("-KILL");
    }

    fn end(&mut self, signal: &str) {
        let mut process = self.process.take().expect("the cluster runs");
        send(signal, process.id());
        process.wait().unwrap();
    }

    /// Returns the port, which stays the same.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a script of SQL, which may contain `COPY … FROM stdin`, as the owner.
    pub fn script(&self, database: &str, script: &[u8]) {
        let input = self.folder.path().join("script.sql");
        fs::write(&input, script).unwrap();
        let output = Command::new(programs().join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", OWNER, "-d", database])
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"])
            .arg(&input)
            .env_clear()
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // An immediate shutdown ends all processes.
            let _ = Command::new("kill").args(["-QUIT", &process.id().to_string()]).status();
            let _ = process.wait();
        }
    }
}

/// Sends a signal, such as `-KILL`, to a process.
pub fn send(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

/// Returns a line of the configuration for `name=value`.
fn assignment(setting: &str) -> String {
    let (name, value) = setting.split_once('=').unwrap();
    format!("{name} = '{value}'\n")
}

/// Returns the folder of the newest installed programs.
fn programs() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql").read_dir().expect("Debian's package postgresql");
    let found = versions.map(|entry| entry.unwrap().path().join("bin")).filter(|bin| bin.is_dir()).max();
    found.expect("Debian's package postgresql")
}

fn unprivileged(program: &str) -> Command {
    let program = programs().join(program);
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]);
            command.arg("--clear-groups").arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir("/").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
