//! The command line for an operator: exit codes, one sentence for each error, no secret in the
//! output.

use std::process::Command;

use zksync_witness_server::api::tokens::Authenticator;
use zksync_witness_server::config::Secret;
use zksync_witness_server::testing::internals::crypto::rescue;
use zksync_witness_server::testing::internals::crypto::rescue::Engine;

struct Outcome {
    code: i32,
    out: String,
    err: String,
}

fn run(args: &[&str], env: &[(&str, &str)]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_witness-server"))
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Checks that the error is one line without traces of a debug dump.
fn assert_sentence(outcome: &Outcome) {
    assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
    assert!(!outcome.err.contains("Error {") && !outcome.err.contains("Os {"), "{}", outcome.err);
    assert!(outcome.out.is_empty());
}

#[test]
fn a_token_is_printed_alone_and_is_good() {
    let outcome = run(&["token", "--ttl", "1h"], &[("API_PROVER_SECRET_AUTH", "42")]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
    let authenticator = Authenticator::new(&Secret::new("42").unwrap());
    let now = chrono::Utc::now();
    assert!(authenticator.verify_at(outcome.out.trim(), now).is_ok());
    assert!(authenticator.verify_at(outcome.out.trim(), now + chrono::TimeDelta::seconds(3605)).is_err());
}

#[test]
fn without_a_secret_no_token_is_minted() {
    let outcome = run(&["token"], &[]);
    assert_eq!(outcome.code, 2);
    assert_sentence(&outcome);
    assert!(outcome.err.contains("API_PROVER_SECRET_AUTH"));
}

#[test]
fn an_engine_is_accepted_exactly_if_the_processor_supports_it() {
    for engine in Engine::ALL {
        let env = [("API_PROVER_SECRET_AUTH", "42")];
        let outcome = run(&["token", "--cpu-features", engine.name()], &env);
        if rescue::is_available(engine) {
            assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{engine}");
        } else {
            assert_eq!(outcome.code, 2, "{engine}");
            assert_sentence(&outcome);
        }
    }
    let outcome = run(&["token", "--cpu-features", "best"], &[]);
    assert_eq!(outcome.code, 2);
    assert_sentence(&outcome);
    assert!(outcome.err.contains("auto") && outcome.err.contains("--cpu-features"), "{}", outcome.err);
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_the_secret() {
    let env = [("API_PROVER_SECRET_AUTH", "tell-nobody"), ("PROVER_CORE_GONE_TIMEOUT", "90000")];
    let outcome = run(&["serve", "--print-config", "--listen", "127.0.0.1:9"], &env);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
    for line in [
        "listen = \"127.0.0.1:9\"  # flag --listen",
        "gone_timeout = \"90000ms\"  # environment PROVER_CORE_GONE_TIMEOUT",
        "idle_provers = 1  # default",
        "# secret is set, hidden  # environment API_PROVER_SECRET_AUTH",
    ] {
        assert!(outcome.out.lines().any(|shown| shown == line), "{line} in\n{}", outcome.out);
    }
    assert!(!outcome.out.contains("tell-nobody"));
}

#[test]
fn wrong_settings_exit_with_2_and_one_sentence() {
    for (args, env, word) in [
        (&["serve", "--listen", "nowhere"][..], ("A", "b"), "127.0.0.1:8088"),
        (&["serve", "--set", "gone_timeot=1s"], ("A", "b"), "gone_timeout"),
        (&["serve", "--config", "not-there.toml"], ("A", "b"), "--config"),
        (&["serve"], ("A", "b"), "--data-dir"),
        (&["export", "block", "1"], ("A", "b"), "API_PROVER_SECRET_AUTH"),
        (&["status", "--url", "ftp://a"], ("API_PROVER_SECRET_AUTH", "s"), "http://"),
    ] {
        let outcome = run(args, &[env]);
        assert_eq!(outcome.code, 2, "{args:?}");
        assert_sentence(&outcome);
        assert!(outcome.err.contains(word), "{}", outcome.err);
    }
    assert_eq!(run(&["frobnicate"], &[]).code, 2);
}

#[test]
fn a_wrong_block_gets_what_is_accepted() {
    for (args, words) in [
        (&["explain", "7"][..], "witness-server explain block <NUMBER>"),
        (&["explain", "block", "x"], "expected the number of a block, such as 7"),
        (&["blocks", "retry", "0"], "from 1 on"),
        (&["export", "bundle", "seven"], "expected the number of a block"),
        (&["revert", "--to", "newest"], "expected the number of a block"),
    ] {
        let outcome = run(args, &[]);
        assert_eq!(outcome.code, 2, "{args:?}");
        assert!(outcome.err.contains(words), "{args:?}: {}", outcome.err);
    }
}

#[test]
#[ignore = "needs root"]
fn root_is_warned_of_writing_into_the_folder_of_another_user() {
    let folder = tempfile::tempdir().unwrap();
    let restore = || run(&["restore", "/nowhere", "--data-dir", folder.path().to_str().unwrap()], &[]).err;
    assert!(!restore().contains("chown"), "{}", restore());
    std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
    assert!(restore().contains("`chown -R --reference="), "{}", restore());
}

#[test]
fn a_missing_server_exits_with_5_and_a_missing_chain_with_1() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let env = [("API_PROVER_SECRET_AUTH", "s")];
    let outcome = run(&["export", "witness", "1", "--url", &url], &env);
    assert_eq!(outcome.code, 5);
    assert_sentence(&outcome);
    let outcome = run(&["import", "--url", &url, "not-there"], &env);
    assert_eq!(outcome.code, 1);
    assert_sentence(&outcome);
}

#[test]
fn without_a_target_reading_asks_the_admin_address_of_this_machine() {
    let outcome = run(&["status", "--set", "admin_listen=0.0.0.0:1"], &[]);
    assert_eq!(outcome.code, 5);
    assert_sentence(&outcome);
    assert!(outcome.err.contains("http://127.0.0.1:1"), "{}", outcome.err);
    let outcome =
        run(&["export", "block", "1", "--set", "url=http://127.0.0.1:1"], &[("API_PROVER_SECRET_AUTH", "s")]);
    assert_eq!(outcome.code, 5);
    assert!(outcome.err.contains("http://127.0.0.1:1"), "{}", outcome.err);
}

#[test]
fn short_help_shows_the_flags_of_the_command_only() {
    let outcome = run(&["status", "-h"], &[]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.out.contains("--url") && !outcome.out.contains("--cpu-features"), "{}", outcome.out);
    assert!(run(&["status", "--help"], &[]).out.contains("--cpu-features"));
}

#[test]
fn help_lists_the_exit_codes() {
    let outcome = run(&["--help"], &[]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.out.contains("Exit codes:") && outcome.out.contains("demo"));
}
