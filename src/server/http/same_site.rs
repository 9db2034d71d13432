//! Keeps pages of other sites away from the admin listener, where reading needs no token: a browser
//! on this machine could otherwise read it on their behalf.
//!
//! Two attacks are prevented: a host name that is made to resolve to this machine (DNS rebinding),
//! which shows in `Host`; and requests from a page of another site, which browsers mark with
//! `Sec-Fetch-Site`. Clients other than browsers are not restricted: they do not send ambient
//! credentials.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderName, header},
    middleware::Next,
    response::Response,
};

use crate::server::error::ApiError;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware: refuses requests of other sites. If `loopback` is true, the listener is bound to the
/// loopback interface, and `Host` must be a name of that interface.
///
/// # Errors
/// [`ApiError::ForeignSite`].
pub(crate) async fn require_same_site(
    State(loopback): State<bool>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    let given = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().host().or(given);
    if loopback && host.is_some_and(|host| !is_loopback(host)) {
        return Err(ApiError::ForeignSite { why: "the Host header names another host" });
    }
    let site = headers.get(FETCH_SITE).map_or(&b"none"[..], |site| site.as_bytes());
    // Other sites may link to the dashboard, but only the dashboard itself reads the API.
    if request.uri().path().starts_with("/api/") && !matches!(site, b"none" | b"same-origin") {
        return Err(ApiError::ForeignSite { why: "a page of another site sent the request" });
    }
    Ok(next.run(request).await)
}

/// Returns true if `host`, with or without a port, is a name of the loopback interface.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_interface_are_accepted() {
        for host in ["localhost", "LocalHost:3312", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:3312"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:3312",
            "10.0.0.1",
            "[2001:db8::1]:80",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
