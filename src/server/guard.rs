//! Keeps pages of other sites away from the admin listener, where reading needs no token: a browser on this machine reaches it for them.
//!
//! Two doors: a name that is made to point here (DNS rebinding), which shows in `Host`; and requests that a page of another site makes,
//! which browsers mark with `Sec-Fetch-Site`. Whoever is no browser is not kept away, and needs not be.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderName, header},
    middleware::Next,
    response::Response,
};

use super::error::ApiError;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware: lets a request through that is not of another site. With `loopback` the listener is reached from this machine alone, and
/// only under its names.
///
/// # Errors
/// [`ApiError::ForeignSite`].
pub async fn own_site(
    State(loopback): State<bool>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    let given = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().host().or(given);
    if loopback && host.is_some_and(|host| !is_this_machine(host)) {
        return Err(ApiError::ForeignSite { why: "it was asked for under another name" });
    }
    let site = headers.get(FETCH_SITE).map_or(&b"none"[..], |site| site.as_bytes());
    // A link to the page may be anywhere; what the page reads is for itself.
    if request.uri().path().starts_with("/api/") && !matches!(site, b"none" | b"same-origin") {
        return Err(ApiError::ForeignSite { why: "a page of another site asked" });
    }
    Ok(next.run(request).await)
}

/// Whether a `Host` is a name of the loopback interface, with or without a port.
fn is_this_machine(host: &str) -> bool {
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
    fn this_machine_has_few_names() {
        for host in ["localhost", "LocalHost:3312", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:3312"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:3312",
            "10.0.0.1",
            "[2001:db8::1]:80",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
