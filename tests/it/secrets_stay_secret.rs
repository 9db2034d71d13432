//! The secret and tokens appear neither in the most verbose log, nor in an answer, nor in a
//! message.

use std::{fs, process::Command, time::Duration};

use serde_json::json;
use zksync_witness_server::{
    api::tokens::Authenticator,
    config::{Config, Environment, Flags, Secret},
};

use crate::support::{self, Server, chain, genesis, http, http_with};

const MARKER: &str = "marker-of-the-secret-that-nobody-may-read";

/// Returns what must not be found, verbatim and in the encodings of a dump.
fn forbidden(tokens: &[String]) -> Vec<String> {
    let mut forbidden = vec![MARKER.to_owned(), hex::encode(MARKER), format!("{:?}", MARKER.as_bytes())];
    for token in tokens {
        forbidden.push(token.clone());
        // The signature of the token.
        forbidden.push(token.rsplit_once('.').unwrap().1.to_owned());
    }
    forbidden
}

fn assert_hidden(text: &str, forbidden: &[String], place: &str) {
    for secret in forbidden {
        assert!(!text.contains(secret), "{place} shows {secret}");
    }
}

#[test]
fn the_secret_is_neither_in_the_log_nor_in_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = Server::start_logging(
        &folder.path().join("data"),
        MARKER,
        &["--log", "trace", "--log-format", "json"],
        &log,
    );
    let (right, wrong) = (authenticator(MARKER), authenticator("another"));
    let mint = |authenticator: &Authenticator, subject: &str| {
        authenticator.mint(subject, Duration::from_secs(60)).unwrap()
    };
    let tokens = [mint(&right, "good"), mint(&wrong, "bad")];
    let hidden = forbidden(&tokens);
    let genesis = String::from_utf8(genesis("deposit")).unwrap();
    let imported = serde_json::to_string(&support::block("deposit")).unwrap();
    let job = json!({"prover_name": "p", "aux_data": {}}).to_string();
    for token in &tokens {
        for (method, path, body) in [
            ("POST", "/api/v1/genesis", genesis.as_str()),
            ("POST", "/api/v1/blocks", &imported),
            ("POST", "/api/v1/blocks", "{no json"),
            ("GET", "/get_job", &job),
            ("GET", "/get_job", ""),
            (
                "POST",
                "/publish",
                r#"{"job_id":7,"first_block":1,"last_block":1,"data":{"BlockProof":"AAEC"}}"#,
            ),
            ("POST", "/stopped", "\"p\""),
            ("GET", "/api/v1/status", ""),
            ("GET", "/nowhere?a=b", ""),
            ("DELETE", "/status", ""),
        ] {
            let answer = http(&server.url, method, path, Some(token), body);
            assert_hidden(&(answer.head.clone() + &answer.text()), &hidden, path);
        }
        let answer =
            http_with(&server.url, "POST", "/publish", Some(token), "Transfer-Encoding: chunked\r\n", "x");
        assert_hidden(&answer.text(), &hidden, "a broken body");
    }
    for authorization in [format!("Basic {}", tokens[0]), format!("Bearer {}.{MARKER}", tokens[0])] {
        let headers = format!("Authorization: {authorization}\r\n");
        let answer = http_with(&server.url, "GET", "/status", None, &headers, "");
        assert_eq!(answer.status, 401);
        assert_hidden(&answer.text(), &hidden, "a bad header");
    }
    assert_eq!(server.terminate(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    for line in ["answered", "block imported", "proof rejected", "TRACE", "stopped"] {
        assert!(log.contains(line), "the log lacks {line}");
    }
    assert_hidden(&log, &hidden, "the log");
}

fn authenticator(secret: &str) -> Authenticator {
    Authenticator::new(&Secret::new(secret).unwrap())
}

#[test]
fn the_secret_is_neither_in_messages_nor_in_the_printed_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).unwrap();
        path(name)
    };
    let file = write("secret", MARKER);
    let toml = write("good.toml", &format!("secret = \"{MARKER}\"\noperator_token = \"{MARKER}\""));
    let unfinished = write("unfinished.toml", &format!("secret = \"{MARKER}"));
    let list = write("list.toml", &format!("secret = [\"{MARKER}\"]"));
    let unknown = write("unknown.toml", &format!("secrt = \"{MARKER}\""));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let data = path("data");
    let chain = chain("deposit");
    let chain = chain.to_str().unwrap();
    let variable = [("API_PROVER_SECRET_AUTH", MARKER)];
    let assignment = format!("secret={MARKER}");
    for (args, env) in [
        (&["serve", "--print-config"][..], &variable[..]),
        (&["serve", "--print-config", "--config", &toml], &[]),
        (&["serve", "--print-config", "--set", &format!("secret_file={file}")], &[]),
        (&["serve", "--print-config", "--config", &unfinished], &[]),
        (&["serve", "--print-config", "--config", &list], &[]),
        (&["serve", "--print-config", "--config", &unknown], &[]),
        (&["serve", "--print-config", "--config", &toml, "--set", &format!("secret_file={file}")], &[]),
        (&["serve", "--print-config", "--set", &assignment], &[]),
        (&["serve", "--data-dir", &data, "--listen", &taken, "--log", "trace"], &variable),
        (&["import", "--url", &format!("http://{taken}1"), chain, "--log", "trace"], &variable),
        (&["status", "--url", "http://127.0.0.1:1", "--log", "trace"], &variable),
        (&["export", "--data-dir", &data, "witness", "1", "--log", "trace"], &variable),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        let output = command.args(args).env_clear().envs(env.iter().copied()).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!text.is_empty(), "{args:?}");
        assert_hidden(&text, &forbidden(&[]), &format!("{args:?}: {text}"));
    }
    let config = Config::load(None, &Environment::from_pairs(variable), &Flags::new()).unwrap();
    assert_eq!(config.secret.as_ref().unwrap().expose(), MARKER.as_bytes());
    assert_hidden(
        &format!("{config:?} {config:#?} {}", config.print()),
        &forbidden(&[]),
        "the configuration",
    );
}
