//! The client against a server that echoes.

use std::{sync::Arc, time::Duration};

use axum::{Router, http::HeaderMap, middleware::from_fn_with_state, routing};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use hyper::{StatusCode, header::AUTHORIZATION};

use super::*;
use crate::api::tokens::{Authenticator, REQUEST_TTL};
use crate::config::Secret;
use crate::server::{ApiError, ListenLimits, bind, parse_json, require_token, serve};

/// Starts a server that returns the bodies it receives.
async fn echo() -> String {
    let echo = |body: Bytes| async move {
        let value: serde_json::Value = parse_json(&body)?;
        Ok::<_, ApiError>(value.to_string())
    };
    let auth = Arc::new(Authenticator::new(&Secret::new("right").unwrap()));
    let router = Router::new()
        .route("/echo", routing::get(echo).post(echo))
        .route(
            "/token",
            routing::post(|head: HeaderMap, _: Bytes| async move { head[AUTHORIZATION].as_bytes().to_vec() }),
        )
        .route("/slow", routing::get(|| async { std::future::pending::<()>().await }))
        .fallback(|| async { ApiError::UnknownRoute })
        .layer(from_fn_with_state(auth, require_token));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let second = Duration::from_secs(1);
    let limits = ListenLimits {
        header_read_timeout: second,
        stall_timeout: second,
        max_connections: 8,
        shutdown_timeout: second,
    };
    tokio::spawn(serve(listener, None, router, limits, std::future::pending()));
    url
}

fn client(url: &str, secret: &str) -> Client {
    Client::new(url, &Secret::new(secret).unwrap(), Duration::from_millis(500)).unwrap()
}

#[tokio::test]
async fn get_can_have_a_body() {
    let client = client(&echo().await, "right");
    for answer in [
        client.get_with_body("/echo", &[1, 2]).await,
        client.post("/echo", &[1, 2]).await,
        client.post_bytes("/echo", "[1,2]").await,
    ] {
        assert_eq!(answer.unwrap().success().unwrap(), "[1,2]");
    }
}

#[tokio::test]
async fn errors_of_the_server_have_code_and_message() {
    let url = echo().await;
    let Err(ClientError::Refused { status, problem }) =
        client(&url, "right").get("/nowhere").await.unwrap().success()
    else {
        panic!("not refused")
    };
    assert_eq!((status, problem.code.as_str()), (StatusCode::NOT_FOUND, "unknown_route"));
    let empty = client(&url, "right").get("/echo").await.unwrap();
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_wrong_token_or_none_is_unauthorized_even_for_unknown_routes() {
    let url = echo().await;
    let wrong = client(&url, "wrong").get("/nowhere").await.unwrap().success().unwrap_err();
    assert!(matches!(wrong, ClientError::Unauthorized { .. }), "{wrong}");
    let anonymous = Client::new(&url, Credentials::Anonymous, Duration::from_secs(1)).unwrap();
    assert_eq!(anonymous.get("/echo").await.unwrap().status, StatusCode::UNAUTHORIZED);
    let token = Authenticator::new(&Secret::new("right").unwrap()).mint("me", REQUEST_TTL).unwrap();
    let bearer = Client::new(&url, Credentials::Token(token), Duration::from_secs(1)).unwrap();
    assert_eq!(bearer.post("/echo", &1).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn the_token_of_a_request_lives_as_long_as_its_body_may_take() {
    let client = client(&echo().await, "right").with_timeout(Duration::from_secs(60));
    let verifier = Authenticator::new(&Secret::new("right").unwrap());
    for (bytes, lives) in [(1, false), (400 << 10, true)] {
        let token = client.post_bytes("/token", vec![b'0'; bytes]).await.unwrap().success().unwrap();
        let token = std::str::from_utf8(&token).unwrap().strip_prefix("Bearer ").unwrap();
        let later = Utc::now() + TimeDelta::seconds(40);
        assert_eq!(verifier.verify_at(token, later).is_ok(), lives, "{bytes} bytes");
    }
}

#[tokio::test]
async fn a_timeout_and_an_unreachable_server_differ() {
    let url = echo().await;
    let error = client(&url, "right").get("/slow").await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    let shorter = client(&url, "right").with_timeout(Duration::from_millis(50));
    let error = shorter.get("/slow").await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { after, .. } if after.as_millis() == 50), "{error}");
    let free = bind("127.0.0.1:0".parse().unwrap()).await.unwrap().local_addr().unwrap();
    let error = client(&format!("http://{free}"), "right").get("/").await.unwrap_err();
    assert!(error.to_string().contains("check that it runs"), "{error}");
}

#[test]
fn only_http_urls_are_accepted() {
    for url in ["", "127.0.0.1:8088", "https://", "http://", "http://a?b", "ftp://a"] {
        let error = Client::new(url, Credentials::Anonymous, Duration::from_secs(1)).err();
        assert!(matches!(error, Some(ClientError::BadUrl(_))), "{url}");
    }
}
