//! Everything between the socket and a route.

pub mod auth;
pub mod bind;
pub mod concurrency_limit;
pub mod content_encoding;
pub mod listener;
pub mod observe;
pub mod request_body;
pub mod request_id;
pub mod same_site;
pub mod stored_json;
pub mod write_stall_timeout;
