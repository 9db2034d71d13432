//! The request behind an answer.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::{
    Json,
    extract::{FromRequestParts, Query, RawPathParams},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use super::envelope::{Envelope, RequestView};
use super::error::RestError;
use crate::devnet::devnet::Devnet;

/// Path of the endpoints.
pub(super) const PREFIX: &str = "/api/v0.2";

/// The devnet that answers a request, and the parts of the request that the answer repeats.
pub(super) struct Asked {
    pub devnet: Devnet,
    resource: String,
    args: BTreeMap<String, String>,
}

impl FromRequestParts<Devnet> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, devnet: &Devnet) -> Result<Self, Infallible> {
        // Nested routes do not see the prefix.
        let resource = format!("{PREFIX}{}", parts.uri.path());
        let mut args = BTreeMap::new();
        if let Ok(path) = RawPathParams::from_request_parts(parts, devnet).await {
            args.extend(path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        if let Ok(Query(query)) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            args.extend(query);
        }
        Ok(Self { devnet: devnet.clone(), resource, args })
    }
}

impl Asked {
    /// Returns the answer with a result or an error.
    pub(super) fn answer<T: Serialize>(self, outcome: Result<T, RestError>) -> Response {
        let (status, error, result) = match outcome {
            Ok(result) => ("success", None, Some(result)),
            Err(error) => ("error", Some(error.into()), None),
        };
        let request = RequestView {
            network: "localhost",
            api_version: "v02",
            resource: self.resource,
            args: self.args,
            timestamp: Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
        };
        Json(Envelope { request, status, error, result }).into_response()
    }
}
