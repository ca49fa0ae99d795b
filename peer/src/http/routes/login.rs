//! The login of browsers: whoever has the token asks for a link, and opening that link once gives
//! the browser a cookie.

use std::time::Instant;

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::IntoResponse;
use host::http::{Json, Path, Problem};

use crate::http::context::Context;
use crate::http::openapi::{Common, Guarded, Worded};
use crate::http::problem::Refused;
use crate::schema;

/// Makes a link that logs a browser in, once, within a minute.
#[utoipa::path(post, path = "/v1/logins", tag = "access",
    responses((status = 200, body = schema::Login, description = "The link"), Common, Guarded),
    security(("token" = []), ("session" = [])))]
pub(super) async fn new_login(State(context): State<Context>) -> Json<schema::Login> {
    Json(schema::Login { url: context.new_link() })
}

/// Follows a link: gives the cookie, and leads to the front page.
#[utoipa::path(get, path = "/login/{code}", tag = "access",
    params(("code" = String, Path, description = "The end of the link")),
    responses((status = 303, description = "Logged in", headers(
        ("location" = String, description = "The front page"),
        ("set-cookie" = String, description = "The session"))), Common, Worded))]
pub(super) async fn login(
    State(context): State<Context>,
    Path(code): Path<String>,
    method: Method,
) -> Result<impl IntoResponse, Refused> {
    if method != Method::GET {
        // A look at the link, as a program that shows links takes one, must not use it up.
        return Err(Problem::method_not_allowed("a link is followed by GET").into());
    }
    let cookie = context.access().use_link(&code, Instant::now()).ok_or_else(|| {
        let detail = "this link was used, or is too old: `peer login` prints another";
        Problem::new(StatusCode::FORBIDDEN, "link_used", detail)
    })?;
    // From `/login/CODE`, wherever a proxy has put that.
    let home = HeaderValue::from_static("../");
    Ok((StatusCode::SEE_OTHER, [(LOCATION, home), (SET_COOKIE, cookie)]))
}
