//! Middleware: requests without a valid token are answered with 401.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{
    api::tokens::{Authenticator, OperatorToken},
    server::error::ApiError,
};

/// Passes on requests with a valid JWT. Layered outside the router and its fallbacks, it makes 401 precede 404, 405 and 400.
///
/// ```
/// # use std::sync::Arc;
/// # use axum::{Router, middleware::from_fn_with_state, routing::get};
/// # use zksync_witness_server::{api::tokens::Authenticator, config::Secret, server::require_token};
/// # let secret = Secret::new("s")?;
/// let auth = Arc::new(Authenticator::new(&secret));
/// let app: Router = Router::new().route("/status", get(|| async { "alive" }));
/// let app = app.layer(from_fn_with_state(auth, require_token));
/// # drop(app);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ApiError::Unauthorized`].
pub async fn require_token(
    State(auth): State<Arc<Authenticator>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    auth.verify_headers(request.headers()).map_err(ApiError::Unauthorized)?;
    Ok(next.run(request).await)
}

/// Passes on requests with the operator's token.
///
/// # Errors
/// [`ApiError::NoOperator`] if none is configured, else [`ApiError::Unauthorized`].
pub async fn require_operator(
    State(operator): State<Option<OperatorToken>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let operator = operator.ok_or(ApiError::NoOperator)?;
    operator.verify_headers(request.headers()).map_err(ApiError::Unauthorized)?;
    Ok(next.run(request).await)
}
