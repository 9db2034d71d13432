//! HTTP: the accept loop, bearer tokens, errors.

pub mod auth;
pub mod error;
pub mod listen;

/// stub
pub fn router(
    _: std::sync::Arc<crate::workers::Node>,
    _: std::sync::Arc<auth::Authenticator>,
    _: &crate::config::Config,
) -> axum::Router {
    axum::Router::new()
}
/// stub
pub fn admin_router(_: std::sync::Arc<crate::workers::Node>) -> axum::Router {
    axum::Router::new()
}
