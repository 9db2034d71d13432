//! Everything between the socket and a route.

pub(crate) mod auth;
pub(crate) mod bind;
pub(crate) mod concurrency_limit;
pub(crate) mod content_encoding;
pub(crate) mod delivery;
pub(crate) mod listener;
pub(crate) mod observe;
mod receipt;
pub(crate) mod request_body;
pub(crate) mod request_id;
pub(crate) mod same_site;
pub(crate) mod stored_json;
pub(crate) mod write_stall_timeout;
