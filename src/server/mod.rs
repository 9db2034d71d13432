//! HTTP: the accept loop, bearer tokens, the routes, errors.

pub mod admin;
pub mod auth;
mod body;
mod dashboard;
pub(crate) mod encoding;
pub mod error;
mod gate;
mod guard;
pub mod listen;
mod metrics;
pub mod monitor;
mod observe;
mod openapi;
pub mod paced;
mod refusal;
pub mod routes;
mod stored;
