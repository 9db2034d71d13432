//! The part of the admin listener that explores a devnet.
//!
//! A devnet is built on a running server, so what its explorer reads is added after the start, and
//! survives a restart of the server below the devnet.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use tower::ServiceExt;

use super::error::ApiError;

/// The endpoints that the explorer reads, once they exist. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Explorer(Arc<OnceLock<Router>>);

impl Explorer {
    /// Adds the endpoints; a second call has no effect.
    pub(crate) fn set(&self, endpoints: Router) {
        let _ = self.0.set(endpoints);
    }

    /// Returns routes that forward to the endpoints: those of REST, and those of the devnet itself.
    pub(super) fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/api/v0.2/{*path}", get(forward))
            .route("/api/devnet/{*path}", get(forward))
            .with_state(self)
    }
}

async fn forward(State(Explorer(endpoints)): State<Explorer>, mut request: Request) -> Response {
    let Some(endpoints) = endpoints.get() else {
        return ApiError::Unavailable { reason: "the devnet is starting".to_owned() }.into_response();
    };
    // Among them are the parameters of the path that was matched here, which is matched again.
    request.extensions_mut().clear();
    let Ok(response) = endpoints.clone().oneshot(request).await;
    response
}
