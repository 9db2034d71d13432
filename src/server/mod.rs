//! The HTTP server: two listeners, their routes, and the layers that each request passes before it
//! reaches a route.
//!
//! | module | contents |
//! | --- | --- |
//! | `http` | listener, TLS, limits, tokens, request bodies, content codings, request ids |
//! | `routes` | the routes of the main and of the admin listener |
//! | `live` | the monitor that watches a node, and the event streams it feeds |
//! | `dashboard`, `explorer` | the pages of the admin listener, and the endpoints that the explorer of a devnet reads |
//! | `error` | error responses: status, code and sentence; `error_conversions` maps errors of store and workers to them |
//! | `metrics_exporter` | `/metrics` |
//! | `openapi` | the OpenAPI documents |

mod dashboard;
mod error;
mod error_conversions;
mod explorer;
pub(crate) mod http;
mod live;
mod metrics_exporter;
mod openapi;
mod routes;

pub use error::ApiError;
#[cfg(test)]
pub(crate) use error::parse_json;
pub use explorer::Explorer;
pub(crate) use http::bind::BindError;
#[cfg(any(test, feature = "testing"))]
pub use http::listener::serve;
pub(crate) use http::listener::serve_counted;
pub use http::{auth::require_token, bind::bind, listener::ListenLimits};
pub use live::monitor::Monitor;
pub use routes::{Limits, admin_listener::router as admin_router, main_listener::router as main_router};
