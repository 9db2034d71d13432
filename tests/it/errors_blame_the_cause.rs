//! Messages of errors name a cause outside the program: another owner, a file system without locks,
//! a full disk behind the output, a variable of another program, a read-only mount.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use zksync_witness_server::testing::on_small_disk;

use crate::support::faults::{Call, Effect, Fault, Faults};
use crate::support::real_folder::{copy, files};
use crate::support::{SECRET, Server, ended, free_port, run_well, sample_chain, until};

/// User and group without any right.
const NOBODY: u32 = 65534;

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
    command
}

/// Runs a command, which must fail with the given exit code and one sentence; returns the sentence.
fn refused(command: &mut Command, code: i32) -> String {
    let output = ended(command);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(error.lines().filter(|line| line.starts_with("witness-server: ")).count(), 1, "{error}");
    error
}

/// A folder that the user of a command may not enter; its mode is set back when dropped.
struct Closed(tempfile::TempDir);

impl Closed {
    fn folder(&self) -> PathBuf {
        self.0.path().join("closed")
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.folder(), fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.set_mode(0o700);
    }
}

#[test]
fn a_folder_of_another_user_is_said_to_be_one_with_owner_and_mode() {
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(root.path().join("closed")).unwrap();
    let closed = Closed(root);
    let data = closed.folder().join("data");
    run_well(&["import", "--data-dir", data.to_str().unwrap(), &sample_chain()]);
    let chain = closed.0.path().join("chain");
    assert!(Command::new("cp").args(["-r", &sample_chain()]).arg(&chain).status().unwrap().success());
    let chain = chain.to_str().unwrap();
    // Root may enter every folder, so another user runs the program then.
    let is_root = rustix::process::geteuid().is_root();
    let program = closed.0.path().join("witness-server");
    // By another process: a program that this one has written may still be open for writing in a child
    // that a concurrent test has forked, and cannot be run then.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_witness-server")).arg(&program).status().unwrap();
    assert!(copied.success());
    closed.set_mode(if is_root { 0o700 } else { 0o600 });
    let mode = if is_root { "mode 0700" } else { "mode 0600" };
    for args in [
        &["status"][..],
        &["blocks"],
        &["export", "proof", "1"],
        &["backup", "--out", "/dev/null"],
        &["doctor"],
        &["witness"],
        &["revert", "--to", "1"],
        &["import", chain],
        &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    ] {
        let mut command = Command::new(&program);
        command.args(args).arg("--data-dir").arg(&data).current_dir("/");
        command.env_clear().env("API_PROVER_SECRET_AUTH", SECRET);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let error = refused(&mut command, 4);
        let closed = closed.folder().display().to_string();
        assert!(error.contains(&format!("{closed} belongs to the user ")), "{args:?}: {error}");
        assert!(error.contains(mode) && !error.contains("create"), "{args:?}: {error}");
    }
}

#[test]
fn a_missing_folder_is_said_to_be_missing() {
    let root = tempfile::tempdir().unwrap();
    let nowhere = root.path().join("nowhere");
    let error = refused(binary().args(["status", "--data-dir"]).arg(&nowhere), 4);
    assert!(error.contains("does not exist"), "{error}");
    fs::create_dir(&nowhere).unwrap();
    let error = refused(binary().args(["status", "--data-dir"]).arg(&nowhere), 4);
    assert!(error.contains("is not a data folder"), "{error}");
}

#[test]
fn a_file_system_without_locks_or_synced_folders_is_named() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    run_well(&["import", "--data-dir", data.to_str().unwrap(), &sample_chain()]);
    let faults = Faults::new(&data);
    for command in ["status", "witness", "serve", "doctor"] {
        faults.arm(&[Call::Lock], Fault::from(1, Effect::NotSupported));
        let mut command = binary_with(command, &data);
        let error = refused(faults.prepare(&mut command), 4);
        assert!(error.contains("file locks") && !error.contains("permissions"), "{error}");
    }
    // The first sync is that of the folder with the new name.
    let place = root.path().join("place");
    fs::create_dir(&place).unwrap();
    let new = place.join("new");
    let faults = Faults::new(&place);
    faults.arm(&[Call::Sync], Fault::once(1, Effect::Invalid));
    let mut command = binary();
    command.args(["import", &sample_chain(), "--data-dir"]).arg(&new);
    let error = refused(faults.prepare(&mut command), 4);
    assert!(error.contains("sync folders"), "{error}");

    // An output is whole without them.
    let out = root.path().join("out");
    fs::create_dir(&out).unwrap();
    let faults = Faults::new(&out);
    let write = |args: &[&str], name: &str| {
        let mut command = binary();
        command.args(args).arg("--data-dir").arg(&data).arg("--out").arg(out.join(name));
        ended(faults.prepare(&mut command))
    };
    for (number, args) in
        [&["backup"][..], &["export", "block", "1"], &["chain", "export"]].iter().enumerate()
    {
        faults.count(&[Call::Sync]);
        assert!(write(args, &format!("counted-{number}")).status.success());
        let folders = if args[0] == "chain" { 4 } else { 1 };
        faults.arm(&[Call::Sync], Fault::from(faults.counted() - folders + 1, Effect::Invalid));
        let output = write(args, &format!("synced-{number}"));
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(faults.failed(), folders, "{args:?}");
        faults.arm(&[Call::Lock], Fault::from(1, Effect::NotSupported));
        let output = write(args, &format!("locked-{number}"));
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    faults.disarm();
    run_well(&["restore", "--check", out.join("synced-0").to_str().unwrap()]);
}

fn binary_with(command: &str, data: &Path) -> Command {
    let mut program = binary();
    program.arg(command).arg("--data-dir").arg(data);
    if command == "serve" {
        program.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    }
    program
}

#[test]
fn a_foreign_variable_with_our_prefix_is_a_warning() {
    for (name, nearest) in
        [("WITNESS_SERVER_VERSION", "nearest"), ("WITNESS_SERVER_LISTN", "WITNESS_SERVER_LISTEN")]
    {
        let output = ended(binary().arg("token").env(name, "1.2"));
        let warning = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{warning}");
        assert!(warning.contains("WARN") && warning.contains(name) && warning.contains(nearest), "{warning}");
    }
    // A setting of the command line is meant for this program.
    refused(binary().args(["token", "--set", "version=1"]), 2);
}

/// A process that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_the_output_does_not_end_a_server() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for command in ["serve", "devnet"] {
        let root = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut program = binary();
        program.args([command, "--log", "debug", "--data-dir"]).arg(root.path().join("data"));
        program.args(["--set", "listen=127.0.0.1:0", "--set", &format!("admin_listen={address}")]);
        if command == "devnet" {
            program.args(["--rpc-listen", "127.0.0.1:0", "--rest-listen", "127.0.0.1:0"]);
        }
        let mut running = Running(program.stdout(full()).stderr(full()).spawn().unwrap());
        let healthy = |running: &mut Running| {
            assert!(running.0.try_wait().unwrap().is_none(), "{command} has ended");
            let line = ["health", "--set", &format!("admin_listen={address}")].map(str::to_owned);
            ended(binary().args(line)).status.success().then_some(())
        };
        until(|| healthy(&mut running));
        until(|| healthy(&mut running));
        assert!(
            Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap().success()
        );
        assert_eq!(until(|| running.0.try_wait().unwrap()).code(), Some(0), "{command}");
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_read_only_mount_allows_what_only_reads() {
    let name = "a_read_only_mount_allows_what_only_reads";
    let Some(disk) = on_small_disk(module_path!(), name, 64) else { return };
    let data = disk.join("data");
    let server = Server::start(&data, &["--set", "min_free_bytes=0"]);
    run_well(&["import", "--url", &server.url, &sample_chain()]);
    server.wait_for("/jobs/idle", 8);
    // The kv has to be recovered when it is opened.
    drop(server);
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap();
    assert!(remounted.success() && fs::write(disk.join("file"), "").is_err());
    let elsewhere = tempfile::tempdir().unwrap();
    let out = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    for args in [
        &["status", "--json"][..],
        &["blocks"],
        &["jobs", "list"],
        &["provers"],
        &["explain", "block", "8"],
        &["export", "witness", "8", "--out", &out("witness")],
        &["export", "job", "1", "--out", &out("job")],
        &["export", "bundle", "8", "--out", &out("bundle")],
        &["backup", "--out", &out("backup")],
        &["chain", "export", "--out", &out("chain")],
        &["doctor"],
    ] {
        let output = ended(binary().args(args).arg("--data-dir").arg(&data));
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for args in [&["witness"][..], &["revert", "--to", "1"], &["import", &sample_chain()]] {
        let error = refused(binary().args(args).arg("--data-dir").arg(&data), 4);
        assert!(error.contains("Read-only"), "{error}");
    }
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let error = refused(binary().args(serve).arg("--data-dir").arg(&data).stdin(Stdio::null()), 4);
    assert!(error.contains("Read-only"), "{error}");
}

#[test]
#[ignore = "needs mount namespaces"]
fn an_index_that_is_a_mount_point_is_named_and_unchanged() {
    let name = "an_index_that_is_a_mount_point_is_named_and_unchanged";
    let Some(disk) = on_small_disk(module_path!(), name, 600) else { return };
    let (data, elsewhere) = (disk.join("data"), disk.join("elsewhere"));
    let index = data.join("index");
    run_well(&["import", "--data-dir", data.to_str().unwrap(), &sample_chain()]);
    copy(&index, &elsewhere);
    let before = files(&data);
    let system = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        assert!(command.args(args).arg(&index).status().unwrap().success(), "{program} {args:?}");
    };
    let start = || {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"];
        let error = refused(binary().args(serve).arg(&data), 4);
        assert!(error.contains("`index` of the data folder is a mount point"), "{error}");
    };
    // A folder of the same file system, then another file system, full and empty.
    system("mount", &["--bind", elsewhere.to_str().unwrap()]);
    start();
    assert!(files(&data) == before);
    run_well(&["status", "--data-dir", data.to_str().unwrap()]);
    system("umount", &[]);
    system("mount", &["-t", "tmpfs", "none"]);
    start();
    copy(&elsewhere, &index);
    start();
    assert!(files(&data) == before);
    system("umount", &[]);
    run_well(&["witness", "--data-dir", data.to_str().unwrap()]);
}
