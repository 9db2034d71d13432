//! The HTTP interface as data, shared by the server, the client and the command line.
//!
//! | module | contents |
//! | --- | --- |
//! | [`paths`] | the path of each route |
//! | [`problems`] | the body of an error response (RFC 9457) |
//! | [`tokens`] | minting and checking of bearer tokens, their leeway |
//! | [`views`] | the JSON of `/api/v1` |
//!
//! Nothing here reads a store or opens a connection: `report` builds the views,
//! `server` and `client` carry them.

pub mod paths;
pub mod problems;
pub mod tokens;
pub mod views;
