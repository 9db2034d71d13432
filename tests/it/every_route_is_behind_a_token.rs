//! Without a valid token every route answers 401, before 404, 405 or 400.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jwt_compact::{
    Algorithm, AlgorithmSignature,
    alg::{Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key},
};
use serde_json::{Value, json};
use zksync_witness_server::{api::tokens::Authenticator, config::Secret};

use crate::support::{SECRET, Server, http, http_with, token};

const ROUTES: [(&str, &str); 42] = [
    ("GET", "/status"),
    ("GET", "/get_job"),
    ("POST", "/working_on"),
    ("POST", "/publish"),
    ("POST", "/stopped"),
    ("POST", "/api/internal/prover/replicas"),
    ("GET", "/api/v1/genesis"),
    ("POST", "/api/v1/genesis"),
    ("POST", "/api/v1/blocks"),
    ("GET", "/api/v1/blocks"),
    ("GET", "/api/v1/blocks/1"),
    ("GET", "/api/v1/blocks/1/operations"),
    ("GET", "/api/v1/blocks/1/explain"),
    ("POST", "/api/v1/blocks/1/retry"),
    ("GET", "/api/v1/attempts"),
    ("GET", "/api/v1/provers"),
    ("POST", "/api/v1/provers/1/block"),
    ("POST", "/api/v1/provers/1/unblock"),
    ("GET", "/api/v1/history"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/blocks/1/witness"),
    ("GET", "/api/v1/blocks/1/proof"),
    ("GET", "/api/v1/blocks/1/bundle"),
    ("GET", "/api/v1/aggregated_operations"),
    ("POST", "/api/v1/aggregated_operations"),
    ("GET", "/api/v1/aggregated_proofs/1/2"),
    ("GET", "/api/v1/rejected_proofs"),
    ("GET", "/api/v1/rejected_proofs/1"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/1"),
    ("GET", "/api/v1/jobs/1/data"),
    ("POST", "/api/v1/jobs/1/requeue"),
    ("POST", "/api/v1/jobs/requeue"),
    ("POST", "/api/v1/jobs/pause"),
    ("POST", "/api/v1/jobs/resume"),
    ("POST", "/api/v1/jobs/1/drop"),
    ("GET", "/api/v1/backup"),
    ("GET", "/api/v1/status"),
    ("GET", "/"),
    ("GET", "/nowhere"),
    ("DELETE", "/status"),
];

#[test]
fn without_a_valid_token_every_route_answers_401_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let wrong = Authenticator::new(&Secret::new("another").unwrap());
    let wrong = wrong.mint("Authorization", std::time::Duration::from_secs(60)).unwrap();
    for (method, path) in ROUTES {
        for token in [None, Some("nonsense"), Some(wrong.as_str())] {
            for body in ["", "{no json"] {
                http(&server.url, method, path, token, body).refused(401, "unauthorized");
            }
        }
    }
    // The answer is an endless stream.
    for (method, path) in ROUTES.into_iter().filter(|(_, path)| *path != "/api/v1/events") {
        assert_ne!(http(&server.url, method, path, Some(&token()), "").status, 401, "{method} {path}");
    }
    // The OpenAPI document describes the routes above, except for the prover protocol.
    let document = server.get("/api/v1/openapi.json").accepted().json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = ["{number}", "{id}", "{first}", "{name}"]
            .iter()
            .fold(path.clone(), |path, name| path.replace(name, "1"));
        let path = path.replace("{last}", "2");
        for method in methods.as_object().unwrap().keys() {
            assert!(ROUTES.contains(&(method.to_uppercase().as_str(), path.as_str())), "{method} {path}");
        }
    }
    for path in ["/", "/nowhere", "/status/", "/api/v1", "/api/v1/blocks/1/nothing"] {
        server.get(path).refused(404, "unknown_route");
    }
    for (method, path) in
        [("POST", "/get_job"), ("GET", "/publish"), ("DELETE", "/status"), ("PUT", "/api/v1/jobs/1")]
    {
        server.ask(method, path, "").refused(405, "wrong_method");
    }
    assert_eq!(server.get("/status").accepted().text(), "alive");
}

#[test]
fn tokens_of_the_reference_get_the_same_verdict_over_http() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/protocol/jwt.json")).unwrap();
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

/// Returns the current time plus the given number of seconds, in seconds since 1970.
fn from_now(seconds: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + seconds
}

/// Returns a token with any header and claims, correctly signed with the secret.
fn signed<A: Algorithm>(algorithm: &A, key: &A::SigningKey, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = algorithm.sign(key, signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.as_bytes()))
}

fn hs256(header: &str, claims: &str) -> String {
    signed(&Hs256, &Hs256Key::new(SECRET), header, claims)
}

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

#[test]
fn only_hs256_with_sub_and_a_future_exp_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let status = |token: &str| http(&server.url, "GET", "/status", Some(token), "").status;
    let far = json!({"sub": "Authorization", "exp": from_now(3600)}).to_string();
    let good = hs256(HEADER, &far);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = unsigned.split_once('.').unwrap();

    // Tokens of clients, and harmless variations.
    let with = |more: Value| {
        let mut claims: Value = serde_json::from_str(&far).unwrap();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hs256(HEADER, &claims.to_string())
    };
    for token in [
        good.clone(),
        hs256(r#"{"alg":"HS256"}"#, &far),
        hs256(
            r#"{"alg":"HS256","kid":"../../dev/null","jku":"http://203.0.113.1/","x5u":"http://203.0.113.1/"}"#,
            &far,
        ),
        with(json!({"nbf": from_now(-1), "iat": from_now(-1), "iss": "a", "aud": ["b"]})),
        with(json!({"iat": from_now(3600)})),
        with(json!({"exp": from_now(5)})),
    ] {
        assert_eq!(status(&token), 200, "{token}");
    }

    let confused = |alg: &str| hs256(&format!(r#"{{"typ":"JWT","alg":"{alg}"}}"#), &far);
    let none = |alg: &str| format!("{}.{payload}.", BASE64.encode(format!(r#"{{"alg":"{alg}"}}"#)));
    for (what, token) in [
        ("HS384", signed(&Hs384, &Hs384Key::new(SECRET), r#"{"alg":"HS384"}"#, &far)),
        ("HS512", signed(&Hs512, &Hs512Key::new(SECRET), r#"{"alg":"HS512"}"#, &far)),
        ("RS256 signed by HS256", confused("RS256")),
        ("ES256 signed by HS256", confused("ES256")),
        ("EdDSA signed by HS256", confused("EdDSA")),
        ("PS256 signed by HS256", confused("PS256")),
        ("HS384 signed by HS256", confused("HS384")),
        ("hs256 in small letters", confused("hs256")),
        ("an empty algorithm", confused("")),
        ("none, signed", confused("none")),
        ("none", none("none")),
        ("None", none("None")),
        ("nOnE", none("nOnE")),
        ("no algorithm", hs256(r#"{"typ":"JWT"}"#, &far)),
        ("two algorithms", hs256(r#"{"alg":"none","alg":"HS256"}"#, &far)),
        ("an algorithm that is no text", hs256(r#"{"alg":["HS256"]}"#, &far)),
        ("crit", hs256(r#"{"alg":"HS256","crit":["exp"]}"#, &far)),
        ("crit of nothing", hs256(r#"{"alg":"HS256","crit":null}"#, &far)),
        ("content of another kind", hs256(r#"{"alg":"HS256","cty":"cbor"}"#, &far)),
        ("a header that is no object", hs256("[]", &far)),
        ("claims that are no object", hs256(HEADER, "[]")),
        ("no exp", hs256(HEADER, r#"{"sub":"a"}"#)),
        ("no sub", hs256(HEADER, r#"{"exp":4102444800}"#)),
        ("exp of nothing", hs256(HEADER, r#"{"sub":"a","exp":null}"#)),
        ("exp as text", hs256(HEADER, r#"{"sub":"a","exp":"4102444800"}"#)),
        ("exp out of range", hs256(HEADER, r#"{"sub":"a","exp":18446744073709551615}"#)),
        ("exp far out of range", hs256(HEADER, r#"{"sub":"a","exp":1e300}"#)),
        ("exp below zero", hs256(HEADER, r#"{"sub":"a","exp":-9223372036854775808}"#)),
        ("two exp", hs256(HEADER, r#"{"sub":"a","exp":1,"exp":4102444800}"#)),
        ("sub that is no text", hs256(HEADER, r#"{"sub":7,"exp":4102444800}"#)),
        ("expired a second ago", with(json!({"exp": from_now(-1)}))),
        ("not valid for a minute yet", with(json!({"nbf": from_now(60)}))),
        ("nbf as text", with(json!({"nbf": "0"}))),
        ("no signature", format!("{unsigned}.")),
        ("half a signature", format!("{unsigned}.{}", &signature[..20])),
        ("a signature and more", format!("{good}AAAA")),
        ("another signature", format!("{unsigned}.{}", BASE64.encode([0; 32]))),
        ("padding", format!("{good}=")),
        ("two parts", unsigned.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("nothing between the dots", "..".to_owned()),
        ("deep nesting", hs256(&"[".repeat(2_000), &far)),
        ("a long token", with(json!({"x": "y".repeat(8_000)}))),
        ("other letters", "täuschung.🔑.x".to_owned()),
    ] {
        assert_eq!(status(&token), 401, "{what}: {token}");
    }

    let headers = |headers: &str| http_with(&server.url, "GET", "/status", None, headers, "").status;
    assert_eq!(headers(&format!("authorization:bearer {good}\r\n")), 200);
    for wrong in [
        format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
        format!("Authorization: Bearer {good}\r\nAuthorization: Basic YTpi\r\n"),
        format!("Authorization: Bearer {good}, Bearer {good}\r\n"),
        format!("Authorization: Bearer {good} {good}\r\n"),
        format!("Authorization: {good}\r\n"),
        format!("Proxy-Authorization: Bearer {good}\r\n"),
        format!("Cookie: token={good}\r\n"),
    ] {
        assert_eq!(headers(&wrong), 401, "{wrong}");
    }
    assert_eq!(headers(&format!("Authorization: Bearer {}\r\n", "x".repeat(40_000))), 431);
    assert_eq!(http(&server.url, "GET", &format!("/status?token={good}"), None, "").status, 401);
}

#[test]
fn health_needs_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(http(&server.admin, "GET", "/healthz", None, "").accepted().text(), "alive");
    assert_eq!(http(&server.admin, "GET", "/readyz", None, "").accepted().json()["ready"], true);
    http(&server.admin, "GET", "/status", None, "").refused(404, "unknown_route");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_wrong_secret_is_logged_at_a_limited_rate() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = Server::start_logging(&folder.path().join("data"), SECRET, &["--log", "warn"], &log);
    let wrong = Authenticator::new(&Secret::new("another").unwrap());
    let wrong = wrong.mint("Authorization", std::time::Duration::from_secs(60)).unwrap();
    for token in [None, Some("nonsense"), Some(wrong.as_str()), Some(wrong.as_str()), Some(wrong.as_str())] {
        http(&server.url, "GET", "/status", token, "").refused(401, "unauthorized");
    }
    let warnings = std::fs::read_to_string(&log).unwrap();
    let warnings: Vec<&str> = warnings.lines().filter(|line| line.contains("unauthorized request")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("WARN") && warnings[0].contains("127.0.0.1"), "{warnings:?}");
}
