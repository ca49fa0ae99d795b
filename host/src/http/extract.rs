//! Wrappers around axum's extractors that answer a malformed request with a problem (RFC 9457)
//! instead of axum's plain text.

use std::convert::Infallible;
use std::error::Error;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::bodies::BodyError;
use crate::http::problem::Problem;

/// A body in JSON; an answer too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

/// What stands behind the question mark.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

/// The variable parts of the path.
#[derive(Debug, Clone, Copy, Default)]
pub struct Path<T>(pub T);

/// Whether the request was made by a page that this server itself serves, according to the browser.
/// A page of another site cannot make the browser claim this, not even one that may read the
/// answers. It is false when the request carries no such information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnPage(pub bool);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        // A browser lets a page of another origin send this content type only after asking the
        // server, so insisting on it keeps out forms that such a page submits.
        if !is_json(&request) {
            return Err(Problem::unsupported_media_type());
        }
        let body = request.into_body().collect().await.map_err(|error| unread(&error))?;
        match axum::Json::from_bytes(&body.to_bytes()) {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::bad_request(one_line(&rejection.body_text()))),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::bad_request(one_line(&rejection.body_text()))),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == StatusCode::BAD_REQUEST => {
                Err(Problem::bad_request(one_line(&rejection.body_text())))
            }
            Err(rejection) => Err(Problem::internal(one_line(&rejection.body_text()))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OwnPage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(false)))
    }
}

impl<T: Serialize> axum::response::IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

fn is_json(request: &Request) -> bool {
    let mut values = request.headers().get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn unread(error: &(dyn Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(BodyError::TooLarge { bytes_max }) = error.downcast_ref() {
            return Problem::body_too_large(*bytes_max);
        }
        cause = error.source();
    }
    Problem::bad_request("the body ended early, or its framing is wrong")
}

/// A library's error message may quote parts of the client's input, so it is made safe to show in
/// one line.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
