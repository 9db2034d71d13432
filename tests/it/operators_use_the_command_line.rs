//! `jobs`, `provers`, `blocks`, `explain` and `top` against a running server, and on its folder
//! once it is stopped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{SECRET, Server, run_badly, run_well, sample_chain, until, witnessed_sample};

fn text(args: &[&str], target: &[&str]) -> String {
    String::from_utf8(run_well(&[args, target].concat())).unwrap()
}

fn json(args: &[&str], target: &[&str]) -> Value {
    serde_json::from_str(&text(&[args, &["--json"]].concat(), target)).unwrap()
}

/// Starts a server with the sample chain, all of whose jobs are idle.
fn start(folder: &Path) -> Server {
    witnessed_sample(folder);
    let server = Server::start(folder, &[]);
    server.wait_for("/jobs/idle", 8);
    server
}

#[test]
fn a_running_server_and_its_folder_show_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let server = start(folder.path());
    assert_eq!(server.get_job("p1")["job_id"], 1);
    let online: &[&str] = &["--url", &server.url.clone()];

    let jobs = text(&["jobs", "list"], online);
    let held = jobs.lines().find(|line| line.contains("in_progress")).unwrap();
    assert!(held.contains("single") && held.contains("p1"), "{jobs}");
    assert_eq!(jobs.lines().count(), 9, "{jobs}");
    let page = text(&["jobs", "list", "--status", "idle", "--limit", "3"], online);
    assert!(page.lines().count() == 5 && page.ends_with("more: --after 4\n"), "{page}");
    assert_eq!(text(&["jobs", "list", "--status", "failed"], online), "no failed jobs\n");
    let page = text(&["jobs", "list", "--newest", "-s", "idle", "-n", "3"], online);
    let ids = |page: &str| -> Vec<u32> {
        let rows = page.lines().skip(1).filter(|line| !line.starts_with("more"));
        rows.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(ids(&page), [8, 7, 6], "{page}");
    assert!(page.ends_with("more: --before 6\n"), "{page}");
    assert_eq!(ids(&text(&["jobs", "--newest", "--before", "3"], online)), [2, 1]);
    assert_eq!(ids(&text(&["jobs", "list", "--after", "2", "--before", "5"], online)), [3, 4]);
    assert!(text(&["jobs", "show", "1"], online).contains("p1"));

    let listings: [&[&str]; 4] = [
        &["jobs", "list"],
        &["jobs", "list", "--after", "5"],
        &["jobs", "--newest", "-n", "2"],
        &["jobs", "show", "2"],
    ];
    let of_server = listings.map(|args| json(args, online));
    assert_eq!(server.terminate(), Some(0));
    let offline: &[&str] = &["--data-dir", dir];
    for (args, of_server) in listings.iter().zip(of_server) {
        let mut of_folder = json(args, offline);
        // Only the running server knows when a job was claimed.
        let mut of_server = of_server;
        for side in [&mut of_folder, &mut of_server] {
            if let Some(jobs) = side.get_mut("jobs").and_then(Value::as_array_mut) {
                for job in jobs {
                    for field in ["leased_since_ms", "last_heartbeat_ms", "updated_at_ms"] {
                        job[field] = Value::Null;
                    }
                }
            }
        }
        assert_eq!(of_folder, of_server, "{args:?}");
    }
    // Each list is the same with and without its name, but has its options behind it.
    for command in ["provers", "blocks", "jobs"] {
        let listed = json(&[command, "list", "-n", "2"], offline);
        assert_eq!(json(&[command, "-n", "2"], offline), listed);
        let error = run_badly(&[command, "-n", "2", "list", "--data-dir", dir], 2);
        assert!(error.contains("after `list`"), "{error}");
    }
    assert!(text(&["provers", "list"], offline).contains("p1"));
    let blocks = text(&["blocks"], offline);
    assert_eq!(ids(&text(&["blocks", "list", "--newest"], offline)), [8, 7, 6, 5, 4, 3, 2, 1]);
    assert!(blocks.lines().nth(1).unwrap().trim_start().starts_with("8 "), "{blocks}");
    assert!(blocks.lines().nth(8).unwrap().contains("proving"), "{blocks}");
    let page = text(&["blocks", "--oldest", "--limit", "3"], offline);
    assert!(page.lines().count() == 5 && page.ends_with("more: --after 3\n"), "{page}");
    assert_eq!(json(&["blocks", "--before", "3"], offline)["blocks"][0]["number"], 2);
    assert!(text(&["explain", "block", "1"], offline).contains("p1"));
    assert_eq!(json(&["explain", "block", "1"], offline)["stage"], "proving");
    assert!(text(&["explain", "block", "9"], offline).contains("not imported"));
    let error = run_badly(&["jobs", "watch", "--data-dir", dir], 2);
    assert!(error.contains("--url"), "{error}");
}

#[test]
fn jobs_are_requeued_and_dropped_in_a_server_and_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let server = start(folder.path());
    server.get_job("p1");
    server.get_job("p2");
    let online: &[&str] = &["--url", &server.url.clone()];
    text(&["jobs", "requeue", "1"], online);
    assert_eq!(json(&["jobs", "show", "1"], online)["status"], "idle");
    text(&["jobs", "drop", "5"], online);
    run_badly(&["jobs", "show", "5", "--url", &server.url], 3);
    run_badly(&["jobs", "requeue", "5", "--url", &server.url], 3);
    // Commands that only a stopped folder allows.
    let error = run_badly(&["revert", "--to", "7", "--data-dir", dir], 4);
    assert!(error.contains("another witness-server"), "{error}");
    assert_eq!(server.terminate(), Some(0));

    let offline: &[&str] = &["--data-dir", dir];
    assert_eq!(json(&["jobs", "show", "2"], offline)["status"], "in_progress");
    text(&["jobs", "requeue", "2"], offline);
    assert_eq!(json(&["jobs", "show", "2"], offline)["status"], "idle");
    text(&["jobs", "drop", "7"], offline);
    run_badly(&["jobs", "show", "7", "--data-dir", dir], 3);
    run_badly(&["jobs", "drop", "7", "--data-dir", dir], 3);
    assert_eq!(json(&["jobs", "list"], offline)["jobs"].as_array().unwrap().len(), 6);
}

#[test]
fn a_block_with_a_dropped_job_is_explained_and_gets_its_job_back() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let server = start(folder.path());
    let online: &[&str] = &["--url", &server.url.clone()];
    text(&["jobs", "drop", "3"], online);
    let explained = text(&["explain", "block", "3"], online);
    assert!(explained.contains("witness-server blocks retry 3"), "{explained}");
    run_badly(&["blocks", "retry", "4", "--url", &server.url], 1);
    run_badly(&["blocks", "retry", "9", "--url", &server.url], 3);
    text(&["blocks", "retry", "3"], online);
    assert!(text(&["explain", "block", "3"], online).contains("waits for a prover"));
    assert_eq!(json(&["blocks", "--oldest", "--limit", "3"], online)["blocks"][2]["job"]["status"], "idle");
    let provers = text(&["provers", "--limit", "1"], online);
    assert_eq!(provers, "no provers seen\n");
    for name in ["a b", "c"] {
        server.get_job(name);
    }
    let page = text(&["provers", "--limit", "1"], online);
    assert!(page.ends_with("more: --after a b\n"), "{page}");
    assert!(text(&["provers", "--after", "a b"], online).lines().nth(1).unwrap().starts_with("c "));
    assert_eq!(server.terminate(), Some(0));

    let offline: &[&str] = &["--data-dir", dir];
    text(&["jobs", "drop", "6"], offline);
    let explained = text(&["explain", "block", "6"], offline);
    assert!(explained.contains("blocks retry 6") && explained.contains("until a server runs"), "{explained}");
    text(&["blocks", "retry", "6"], offline);
    run_badly(&["blocks", "retry", "6", "--data-dir", dir], 1);
    assert_eq!(json(&["blocks", "--oldest"], offline)["blocks"][5]["job"]["status"], "idle");
}

#[test]
fn status_names_what_keeps_provers_from_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let online: &[&str] = &["--url", &server.url.clone()];
    server.get_job("p 1");
    assert!(text(&["status"], online).ends_with("Problems: none\n"));
    text(&["provers", "block", "p 1"], online);
    text(&["jobs", "pause"], online);
    assert_eq!(server.terminate(), Some(0));
    let offline: &[&str] = &["--data-dir", folder.path().to_str().unwrap()];
    let shown = text(&["status"], offline);
    let problems = shown.split_once("Problems:\n").unwrap().1;
    let (paused, blocked) = problems.trim_end().split_once('\n').unwrap();
    assert!(paused.contains("Claims have been paused for") && paused.contains("`jobs resume`"), "{shown}");
    assert!(blocked.contains("blocked by an operator"), "{shown}");
    assert!(blocked.contains("`provers unblock 'p 1'`"), "{shown}");
    text(&["jobs", "resume"], offline);
    text(&["provers", "unblock", "p 1"], offline);
    assert!(text(&["status"], offline).ends_with("Problems: none\n"));
}

#[test]
fn watch_prints_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut watch = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(["jobs", "watch", "--url", &server.url])
        .env_clear()
        .env("API_PROVER_SECRET_AUTH", SECRET)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    for id in 1..=8 {
        assert_eq!(lines.next().unwrap(), format!("job {id} (single {id}) is idle"));
    }
    server.get_job("p1");
    assert_eq!(lines.next().unwrap(), "job 1 (single 1) is in_progress, p1, attempt 1");
    server.post("/api/v1/jobs/8/drop", "{}").accepted();
    assert!(lines.next().unwrap().starts_with("job 8 is gone"));
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn sample_provers_prove_everything_and_exit_when_idle() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let server = start(folder.path());
    let out = text(
        &["prover", "-n", "3", "--prove-time", "1ms", "--exit-when-idle", "300ms"],
        &["-u", &server.url],
    );
    assert!(out.ends_with("published 8 proofs\n"), "{out}");
    server.wait_for("/jobs/done", 8);
    for name in ["sample-prover-1", "sample-prover-3"] {
        assert!(text(&["provers"], &["--url", &server.url]).contains(name));
    }
    assert_eq!(server.terminate(), Some(0));
    let error = run_badly(&["prover", "--data-dir", dir], 2);
    assert!(error.contains("running server"), "{error}");
}

/// Runs a command without a secret in the environment.
fn without_secret(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    let output = command.args(args).env_clear().output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_folder_of_a_running_server_leads_to_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    // The secret that an earlier start generated.
    std::fs::write(folder.path().join("secret"), "5".repeat(64)).unwrap();
    let server = Server::start_with(folder.path(), SECRET, &[], |command| {
        command.env_remove("API_PROVER_SECRET_AUTH")
    });
    without_secret(&["import", "--data-dir", dir, &sample_chain()]);
    let of_folder = ["--data-dir", dir];
    let reads: [&[&str]; 9] = [
        &["status"],
        &["blocks"],
        &["blocks", "list"],
        &["jobs", "list"],
        &["provers"],
        &["explain", "block", "1"],
        &["export", "block", "1"],
        &["top"],
        &["top", "--url", &server.url],
    ];
    for read in reads {
        assert!(!without_secret(&[read, &of_folder].concat()).is_empty());
    }
    // With --url the folder gives the secret; without a secret, reading asks the admin address.
    without_secret(&["status", "--url", &server.url, "--data-dir", dir]);
    let admin = server.admin.strip_prefix("http://").unwrap();
    let set = ["--set", &format!("admin_listen={admin}")];
    for read in
        [&["status"][..], &["blocks"], &["jobs", "list"], &["provers"], &["explain", "block", "1"], &["top"]]
    {
        assert!(!without_secret(&[read, &set].concat()).is_empty());
    }
    // A heading and a line for each block.
    until(|| (without_secret(&["jobs", "list", "-d", dir]).lines().count() == 9).then_some(()));
    without_secret(&["jobs", "drop", "1", "--data-dir", dir]);
    without_secret(&["blocks", "retry", "1", "--data-dir", dir]);
    server.signal("-KILL");
    assert_eq!(server.end(), None);
    // The killed server is not asked.
    assert_eq!(without_secret(&["blocks", "--data-dir", dir]).lines().count(), 9);
}

#[test]
fn without_a_terminal_top_is_printed_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    server.get_job("p1");
    let out = until(|| {
        let out = text(&["top"], &["--url", &server.url]);
        out.contains("in progress 1").then_some(out)
    });
    let imported = format!("{:<12} {:>9}", "imported", 8);
    for words in [&*imported, "idle 7", "-- in progress", "p1"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains('\u{1b}'), "{out}");
    let url = server.url.clone();
    drop(server);
    run_badly(&["top", "--url", &url], 5);
}
