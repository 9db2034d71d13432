//! `/api/v1` described: an OpenAPI document for each listener, made of the routes themselves, so that neither can be without the other.

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

/// Who asks here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Everybody has a token.
    Main,
    /// Reading needs none; what changes something needs the operator's.
    Admin,
}

/// The routes, and one more that describes them all.
pub fn served<S: Clone + Send + Sync + 'static>(
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

/// What is the same for every operation, and what the routes do not say of themselves.
fn complete(document: &mut OpenApi, listener: Listener) {
    let (whose, token) = match listener {
        Listener::Main => ("main", "A JSON web token, as `witness-server token` makes it (spec 06 §5)."),
        Listener::Admin => ("admin", "The configured `operator_token`."),
    };
    document.info = InfoBuilder::new()
        .title(format!("witness-server, {whose} address"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What operators read and do, and how blocks come in. Times are in milliseconds since 1970. Every error is a problem of \
             RFC 9457 with a stable `code`. A list says with `next` where the next page begins.",
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
                    response.description = "As asked for.".to_owned();
                }
            }
            let needs_token = listener == Listener::Main || method == HttpMethod::Post;
            operation.security =
                needs_token.then(|| vec![SecurityRequirement::new("token", Vec::<String>::new())]);
            let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let problem = ResponseBuilder::new()
                .description("What went wrong.")
                .content(problems::CONTENT_TYPE, content);
            operation.responses.responses.insert("default".to_owned(), problem.build().into());
        }
    }
}

/// Such as `get_blocks_number_explain`.
fn operation_id(method: &HttpMethod, path: &str) -> String {
    let method = if *method == HttpMethod::Post { "post" } else { "get" };
    let words = path.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    // Without `api` and `v1`, which all have.
    [method].into_iter().chain(words.skip(2)).collect::<Vec<_>>().join("_")
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let get = item.get.as_mut().map(|operation| (HttpMethod::Get, operation));
    let post = item.post.as_mut().map(|operation| (HttpMethod::Post, operation));
    get.into_iter().chain(post)
}
