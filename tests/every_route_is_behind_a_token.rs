//! 401 comes before 404, 405 and 400, on every route.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{Server, http, token};
use zksync_witness_server::{config::Secret, server::auth::Authenticator};

const ROUTES: [(&str, &str); 26] = [
    ("GET", "/status"),
    ("GET", "/get_job"),
    ("POST", "/working_on"),
    ("POST", "/publish"),
    ("POST", "/stopped"),
    ("POST", "/api/internal/prover/replicas"),
    ("GET", "/api/v1/genesis"),
    ("POST", "/api/v1/genesis"),
    ("POST", "/api/v1/blocks"),
    ("GET", "/api/v1/blocks/1"),
    ("GET", "/api/v1/blocks/1/witness"),
    ("GET", "/api/v1/blocks/1/proof"),
    ("GET", "/api/v1/aggregated_operations"),
    ("POST", "/api/v1/aggregated_operations"),
    ("GET", "/api/v1/aggregated_proofs/1/2"),
    ("GET", "/api/v1/rejected_proofs"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/1"),
    ("GET", "/api/v1/jobs/1/data"),
    ("POST", "/api/v1/jobs/1/requeue"),
    ("POST", "/api/v1/jobs/1/drop"),
    ("GET", "/api/v1/backup"),
    ("GET", "/api/v1/status"),
    ("GET", "/"),
    ("GET", "/nowhere"),
    ("DELETE", "/status"),
];

#[test]
fn without_a_good_token_every_route_is_401_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let wrong = Authenticator::new(&Secret::new("another").unwrap());
    let wrong = wrong.mint("Authorization", std::time::Duration::from_secs(60)).unwrap();
    for (method, path) in ROUTES {
        for token in [None, Some("nonsense"), Some(wrong.as_str())] {
            for body in ["", "{no json"] {
                http(&server.url, method, path, token, body).refused(401, "");
            }
        }
    }
    for (method, path) in ROUTES {
        assert_ne!(http(&server.url, method, path, Some(&token()), "").status, 401, "{method} {path}");
    }
    for path in ["/", "/nowhere", "/status/", "/api/v1", "/api/v1/blocks/1/nothing"] {
        server.get(path).refused(404, "no such route");
    }
    for (method, path) in
        [("POST", "/get_job"), ("GET", "/publish"), ("DELETE", "/status"), ("PUT", "/api/v1/jobs/1")]
    {
        server.ask(method, path, "").refused(405, "method");
    }
    assert_eq!(server.get("/status").accepted().text(), "alive");
}

#[test]
fn tokens_of_the_reference_get_the_same_verdict_over_http() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/protocol/jwt.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with_secret(folder.path(), vectors["secret"].as_str().unwrap(), &[]);
    for (name, status) in [
        ("valid_far_future", 200),
        ("other_sub", 200),
        ("expired", 401),
        ("hs512", 401),
        ("no_exp", 401),
        ("no_sub", 401),
        ("wrong_secret", 401),
    ] {
        let answer = http(&server.url, "GET", "/status", vectors[name].as_str(), "");
        assert_eq!(answer.status, status, "{name}");
    }
}

#[test]
fn health_needs_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(http(&server.admin, "GET", "/healthz", None, "").accepted().text(), "alive");
    assert_eq!(http(&server.admin, "GET", "/readyz", None, "").accepted().json()["ready"], true);
    http(&server.admin, "GET", "/status", None, "").refused(404, "no such route");
    assert_eq!(server.terminate(), Some(0));
}
