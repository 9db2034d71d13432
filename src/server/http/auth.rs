//! Middleware: requests without a valid token are answered with 401. A wrong secret is logged, at a
//! limited rate.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use tracing::warn;

use crate::{
    api::tokens::{Authenticator, OperatorToken, TokenError},
    server::error::ApiError,
};

/// Shortest time between two warnings about wrong secrets, so that a misconfigured client cannot
/// flood the log.
const WARN_INTERVAL: Duration = Duration::from_secs(10);

static WARNINGS: Mutex<RateLimit> = Mutex::new(RateLimit { last: None, suppressed: 0 });

/// Passes on requests with a valid JWT. Layered outside the router and its fallbacks, it makes 401
/// precede 404, 405 and 400.
///
/// # Errors
/// [`ApiError::Unauthorized`].
pub async fn require_token(
    State(auth): State<Arc<Authenticator>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    auth.verify_headers(request.headers()).map_err(|error| unauthorized(error, &request))?;
    Ok(next.run(request).await)
}

/// Passes on requests with the operator's token.
///
/// # Errors
/// [`ApiError::NoOperator`] if none is configured, else [`ApiError::Unauthorized`].
pub(crate) async fn require_operator(
    State(operator): State<Option<OperatorToken>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let operator = operator.ok_or(ApiError::NoOperator)?;
    operator.verify_headers(request.headers()).map_err(|error| unauthorized(error, &request))?;
    Ok(next.run(request).await)
}

fn unauthorized(error: TokenError, request: &Request) -> ApiError {
    if error.is_wrong_secret() {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let mut warnings = WARNINGS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(suppressed) = warnings.admit(Instant::now()) {
            warn!(?peer, suppressed, "unauthorized request: {error}");
        }
    }
    ApiError::Unauthorized(error)
}

/// Admits one event in each [`WARN_INTERVAL`] and counts the others.
struct RateLimit {
    last: Option<Instant>,
    suppressed: u64,
}

impl RateLimit {
    /// Returns the number of events that were suppressed since the last admitted one; `None` if
    /// this one is suppressed, too.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < WARN_INTERVAL) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_admitted_in_each_interval_and_the_others_are_counted() {
        let mut limit = RateLimit { last: None, suppressed: 0 };
        let start = Instant::now();
        assert_eq!(limit.admit(start), Some(0));
        for second in 1..10 {
            assert_eq!(limit.admit(start + Duration::from_secs(second)), None);
        }
        assert_eq!(limit.admit(start + WARN_INTERVAL), Some(9));
        assert_eq!(limit.admit(start + WARN_INTERVAL), None);
    }
}
