//! HTTP: the accept loop, bearer tokens, errors.

pub mod auth;
pub mod error;
pub mod listen;
