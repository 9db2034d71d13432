//! The OpenAPI document of the REST address, generated from its routes.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, RefOr, path::PathItem};
use utoipa_axum::router::OpenApiRouter;

const PATH: &str = "/api/v0.2/openapi.json";

/// Returns the routes with a further one that serves their description.
pub(super) fn served<S: Clone + Send + Sync + 'static>(described: OpenApiRouter<S>) -> Router<S> {
    let (router, mut document) = described.split_for_parts();
    document.info = InfoBuilder::new()
        .title("witness-server devnet, REST address")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "REST v0.2 of zkSync Lite, and the devnet's own endpoints below `/devnet`, which the RPC address has as well. \
             Every answer below `/api/v0.2` is an envelope with status 200, with the error inside; own endpoints and malformed requests are \
             answered with 4xx and an object with the key `error`.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    for (path, item) in &mut document.paths.paths {
        complete(path, item);
    }
    let text = Bytes::from(serde_json::to_vec_pretty(&document).unwrap_or_default());
    let answer = move || async move {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
    };
    router.route(PATH, get(answer))
}

/// Adds the parts that the routes do not declare themselves.
fn complete(path: &str, item: &mut PathItem) {
    let operations = [("get", &mut item.get), ("post", &mut item.post)];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        let words = path.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let id: Vec<&str> = [method].into_iter().chain(words).collect();
        operation.operation_id = Some(id.join("_"));
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response
                && response.description.is_empty()
            {
                response.description = "The answer.".to_owned();
            }
        }
    }
}
