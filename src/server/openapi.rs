//! The OpenAPI document of each listener. It is generated from the routes themselves, so that both
//! always agree.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr,
    ResponseBuilder,
    path::{Operation, PathItem},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::api::{
    paths,
    problems::{self, Problem},
};

/// Paths of data that is read with a token on both listeners.
const PARTS_OF_BLOCKS: [&str; 4] = [paths::BLOCK, paths::WITNESS, paths::PROOF, paths::BUNDLE];

/// A listener of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    /// Every request needs a token.
    Main,
    /// Reading state needs no token; changes and the parts of blocks need the operator's.
    Admin,
}

/// Returns the routes with a further one that serves their description.
pub(super) fn served<S: Clone + Send + Sync + 'static>(
    described: OpenApiRouter<S>,
    listener: Listener,
) -> Router<S> {
    let (router, mut document) = described.split_for_parts();
    complete(&mut document, listener);
    let text = Bytes::from(serde_json::to_vec_pretty(&document).unwrap_or_default());
    let answer = move || async move {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
    };
    router.route(paths::OPENAPI, get(answer))
}

/// Adds the parts that the routes do not declare themselves.
fn complete(document: &mut OpenApi, listener: Listener) {
    let (name, token) = match listener {
        Listener::Main => (
            "main",
            "A JSON web token, as printed by `witness-server token`: HS256, with the claims `sub` and `exp`.",
        ),
        Listener::Admin => ("admin", "The configured `operator_token`."),
    };
    document.info = InfoBuilder::new()
        .title(format!("witness-server, {name} address"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Imports of blocks, and what operators read and change. Times are in milliseconds since 1970. Every error is a problem of \
             RFC 9457 with a stable `code`. Lists are paged: `next` is the start of the next page.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(token)).build();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    components.add_security_scheme("token", SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(&method, path));
            operation.tags = path.split('/').nth(3).map(|noun| vec![noun.to_owned()]);
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response.description = "The requested data.".to_owned();
                }
            }
            let needs_token = listener == Listener::Main
                || method == HttpMethod::Post
                || PARTS_OF_BLOCKS.contains(&path.as_str());
            operation.security =
                needs_token.then(|| vec![SecurityRequirement::new("token", Vec::<String>::new())]);
            let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let problem = ResponseBuilder::new()
                .description("The reason why the request failed.")
                .content(problems::CONTENT_TYPE, content);
            operation.responses.responses.insert("default".to_owned(), problem.build().into());
        }
    }
}

/// Returns the id of an operation, such as `get_blocks_number_explain`.
fn operation_id(method: &HttpMethod, path: &str) -> String {
    let method = if *method == HttpMethod::Post { "post" } else { "get" };
    let words = path.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    // All paths start with `api` and `v1`, which are skipped.
    [method].into_iter().chain(words.skip(2)).collect::<Vec<_>>().join("_")
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let get = item.get.as_mut().map(|operation| (HttpMethod::Get, operation));
    let post = item.post.as_mut().map(|operation| (HttpMethod::Post, operation));
    get.into_iter().chain(post)
}
