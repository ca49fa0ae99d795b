//! Wrappers around axum's extractors that answer a malformed request with a problem (RFC 9457)
//! instead of axum's plain text, in words that are this project's.

use std::convert::Infallible;
use std::error::Error;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::bodies::BodyError;
use crate::http::problem::Problem;
use crate::http::reading;

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
        reading::json(&body.to_bytes()).map(Self).map_err(Problem::bad_request)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        reading::query(query).map(Self).map_err(Problem::bad_request)
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(unread_path)
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

/// What is wrong with a part of the path. The types that are read from it are this project's, and so are their words.
fn unread_path(rejection: PathRejection) -> Problem {
    let fault = || Problem::internal("this path met a fault of the program's");
    let PathRejection::FailedToDeserializePathParams(error) = rejection else { return fault() };
    match error.into_kind() {
        ErrorKind::Message(text) | ErrorKind::DeserializeError { message: text, .. } => {
            Problem::bad_request(one_line(&text))
        }
        ErrorKind::ParseError { value, .. }
        | ErrorKind::ParseErrorAtKey { value, .. }
        | ErrorKind::ParseErrorAtIndex { value, .. } => {
            Problem::bad_request(format!("{value:?} in the path is no whole number that fits here"))
        }
        ErrorKind::InvalidUtf8InPathParam { .. } => {
            Problem::bad_request("the path is no UTF-8 once its %-signs are resolved")
        }
        ErrorKind::WrongNumberOfParameters { .. } | ErrorKind::UnsupportedType { .. } | _ => {
            fault()
        }
    }
}

/// A message may quote parts of the client's input, so it is made safe to show in one line.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
