//! The routes for operators that both listeners have.

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{aggregated, attempts, blocks, jobs, provers, rejected, state::Api, status};

/// Maximum number of bundles that a listener builds at the same time: each is in memory as a whole.
pub(super) const MAX_BUNDLES: usize = 2;

/// Returns the routes that read state. Witnesses and proofs are not among them.
pub(super) fn reads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(status::status))
        .routes(routes!(blocks::list))
        .routes(routes!(blocks::operations))
        .routes(routes!(blocks::explain))
        .routes(routes!(aggregated::operations))
        .routes(routes!(rejected::list))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::job))
        .routes(routes!(attempts::list))
        .routes(routes!(provers::list))
        .routes(routes!(status::history))
        .routes(routes!(status::events))
}

/// Returns the routes that read a block and what is made of it, except for its bundle.
pub(super) fn parts_of_blocks() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(blocks::block))
        .routes(routes!(blocks::witness))
        .routes(routes!(blocks::proof))
}

/// Returns the routes that change something.
pub(super) fn changes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(jobs::requeue))
        .routes(routes!(jobs::requeue_many))
        .routes(routes!(jobs::pause))
        .routes(routes!(jobs::resume))
        .routes(routes!(provers::block))
        .routes(routes!(provers::unblock))
        .routes(routes!(jobs::drop_job))
        .routes(routes!(blocks::retry))
}
