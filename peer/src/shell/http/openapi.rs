//! The API's description, OpenAPI 3.1, made from the routes themselves.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, Response, ResponseBuilder,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};
use web::{PROBLEM_JSON, Problem};

const ABOUT: &str = "What a peer of Ostrakon knows and does. Everybody who reaches it may ask, and hand in signed \
transactions; what changes something takes the token in `api.token` of the peer's data directory. Refusals are \
problems (RFC 9457) whose `kind` is the word that the prompt uses too.";

/// Refusals that any route may give.
pub(super) struct Common;

/// Those of a route that looks for one thing.
pub(super) struct OrNotFound;

/// Those of a route that takes the token.
pub(super) struct Guarded;

const COMMON: [StatusCode; 12] = [
    StatusCode::BAD_REQUEST,
    StatusCode::FORBIDDEN,
    StatusCode::METHOD_NOT_ALLOWED,
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

impl IntoResponses for Common {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        COMMON.into_iter().map(problem).collect()
    }
}

impl IntoResponses for OrNotFound {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        COMMON.into_iter().chain([StatusCode::NOT_FOUND]).map(problem).collect()
    }
}

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        COMMON.into_iter().chain([StatusCode::UNAUTHORIZED]).map(problem).collect()
    }
}

fn problem(status: StatusCode) -> (String, RefOr<Response>) {
    let schema = Ref::from_schema_name(Problem::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description(status.canonical_reason().unwrap_or("Error"))
        .content(PROBLEM_JSON, content)
        .build();
    (status.as_str().to_owned(), response.into())
}

/// What stands around the routes.
pub(super) fn base() -> OpenApi {
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
        "ostrakon_PORT",
        "The cookie that a link of `peer login` gives",
    );
    let components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .security_scheme("token", SecurityScheme::Http(token))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)))
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

pub(super) async fn serve(json: Bytes) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];
    (headers, json)
}
