//! The API's description in OpenAPI 3.1, generated from the routes themselves. Each route names the
//! answers that it can give, and gives no others. docs/openapi.json contains this description, and
//! the tests compare it with what a running peer does.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use host::http::{PROBLEM_JSON, Problem};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

const ABOUT: &str = "What a peer of Ostrakon knows and does. Everybody who reaches it may ask, and hand in signed \
transactions; what changes something takes the token in `api.token` of the peer's data directory. Refusals are \
problems (RFC 9457) whose `kind` is the word that the prompt uses too.";

/// What the routes are sorted by.
const TAGS: [(&str, &str); 7] = [
    ("election", "The ballot, votes and their count"),
    ("chain", "Blocks, and what waits for one"),
    ("peer", "This peer and its neighbours"),
    ("orders", "What changes something; all take the token"),
    ("laboratory", "Experiments for a class; only a peer that runs with `--lab` makes them"),
    ("access", "How a browser gets in"),
    ("operation", "For those who watch over the peer"),
];

macro_rules! refusals {
    ($($(#[$about:meta])* $name:ident: $($status:ident)+;)+) => {$(
        $(#[$about])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(StatusCode::$status),+].into_iter().map(named).collect()
            }
        }
    )+};
}

refusals! {
    /// Those of every route: for the request's source, size, rate and slowness, and for faults of the program.
    Common: FORBIDDEN REQUEST_TIMEOUT PAYLOAD_TOO_LARGE MISDIRECTED_REQUEST TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR;
    /// Those of a route that asks the node, which may be busy or leaving.
    FromNode: SERVICE_UNAVAILABLE;
    /// Those of a route whose path or query says something.
    Worded: BAD_REQUEST;
    /// Those of a route that looks for one thing.
    OrNotFound: NOT_FOUND;
    /// Those of a route with a body.
    WithBody: BAD_REQUEST UNSUPPORTED_MEDIA_TYPE UNPROCESSABLE_ENTITY;
    /// Those of a route that may find the peer in a state that does not let it.
    OrConflict: CONFLICT;
    /// Those of a route that takes the token.
    Guarded: UNAUTHORIZED;
}

/// The statuses of all problems.
const PROBLEMS: [StatusCode; 13] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::MISDIRECTED_REQUEST,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The reference to a problem, as a route lists it.
fn named(status: StatusCode) -> (String, RefOr<Response>) {
    (status.as_str().to_owned(), Ref::from_response_name(problem_name(status)).into())
}

fn problem_name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Error").replace(' ', "")
}

/// The description of a problem.
fn problem(status: StatusCode) -> Response {
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new()
        .description(status.canonical_reason().unwrap_or("Error"))
        .content(PROBLEM_JSON, content);
    if status == StatusCode::TOO_MANY_REQUESTS {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let about = Some("Seconds until the next request is taken");
        let header = HeaderBuilder::new().schema(Some(seconds)).description(about);
        response = response.header(RETRY_AFTER.as_str(), header.build());
    }
    if status == StatusCode::UNAUTHORIZED {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let header = HeaderBuilder::new().schema(Some(text)).description(Some("What to show"));
        response = response.header(WWW_AUTHENTICATE.as_str(), header.build());
    }
    response.build()
}

/// The parts of the description besides the routes. `cookie_name` is the name of the session
/// cookie.
pub(super) fn base(cookie_name: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Ostrakon")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The digits in api.token of the data directory"))
        .build();
    let session = ApiKeyValue::with_description(
        cookie_name,
        "The cookie that a link of `peer login` gives; its name bears the API's port",
    );
    let components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .responses_from_iter(PROBLEMS.map(|status| (problem_name(status), problem(status))))
        .security_scheme("token", SecurityScheme::Http(token))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)))
        .build();
    // From `/v1/openapi.json`, wherever a proxy has put that.
    let server = ServerBuilder::new().url("..").description(Some("This peer")).build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([server]))
        .tags(Some(TAGS.map(tag)))
        .components(Some(components))
        .build()
}

fn tag((name, about): (&str, &str)) -> Tag {
    TagBuilder::new().name(name).description(Some(about)).build()
}

/// The description in the form in which it is sent.
#[derive(Debug, Clone)]
pub(super) struct Description(pub(super) Bytes);

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "operation", operation_id = "description",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json", body = Object),
        Common))]
pub(super) async fn serve(
    Extension(Description(json)): Extension<Description>,
) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];
    (headers, json)
}
